"""Each strategy does what its docstring says, against plain Python on small cases."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from test_selection_pairs import EVERY, KNOWN, tables, taught
from unit_builders import section

from realign.errors import UserError
from realign.selection import pick
from realign.selection.candidates import candidates
from realign.selection.labeled_pairs import labeled_pairs


def pool_of(counts=(6,) * 40, seed=0, learned=True, **options):
    responses, embeddings = tables(list(counts), width=6, seed=seed)
    known = taught(responses, embeddings) if learned else None
    return candidates(responses, embeddings, 7, section("select", **options), known)


def planted(prompts=120, k=6, seed=0, length_in=1.0, noise=0.0):
    """Quality is the second coordinate plus `length_in` times log length, which is the first one."""
    random = np.random.default_rng(seed)
    rows, vectors, quality = [], [], {}
    for p in range(prompts):
        for r in range(k):
            length = random.normal()
            vector = np.array([length, random.normal(), *random.normal(size=6)])
            id_ = f"p{p:03d}r{r}"
            rows.append((f"p{p:03d}", id_, int(100 * np.exp(length)) + 1))
            vectors.append((id_, vector.astype("float32")))
            quality[id_] = vector[1] + length_in * length + noise * random.normal()
    responses = pd.DataFrame(rows, columns=["prompt_id", "response_id", "tokens"]).assign(text="")
    embeddings = pd.DataFrame(vectors, columns=["response_id", "vector"])
    pilot = pd.DataFrame(
        [
            (f"p{p:03d}", f"p{p:03d}r{a}", f"p{p:03d}r{b}")
            for p in range(prompts) for a, b in ((0, 1), (2, 3))
        ],
        columns=["prompt_id", "response_a", "response_b"],
    )  # fmt: skip
    wins = [quality[a] > quality[b] for a, b in zip(pilot["response_a"], pilot["response_b"], strict=True)]
    pilot["winner"] = np.where(wins, "a", "b")
    known = labeled_pairs(pilot, responses, embeddings)
    pool = candidates(responses, embeddings, 7, section("select"), known)
    truth = np.array([quality[r] for r in pool.responses])
    return pool, truth[pool.first] - truth[pool.second]


def chosen(pool, name):
    return pick(pool, KNOWN[name](pool), None)


def test_every_strategy_gives_each_pair_one_finite_number():
    pool = pool_of(counts=(2, 3, 7, 2, 5) * 6)
    for name in EVERY:
        found = KNOWN[name](pool)
        assert found.shape == pool.similarity.shape, name
        assert np.isfinite(found).all(), name


def test_matched_picks_the_least_alike_inside_the_caliper():
    pool = pool_of(options={"easy_length_matched": {"ratio": 1.3}})
    order = KNOWN["easy_length_matched"](pool)
    inside = np.abs(pool.log_length_ratio) <= np.log(1.3)
    for at in pick(pool, order, None):
        mine = pool.prompt == pool.prompt[at]
        if (mine & inside).any():
            assert pool.similarity[at] == pool.similarity[mine & inside].min()
        else:
            assert abs(pool.log_length_ratio[at]) == np.abs(pool.log_length_ratio[mine]).min()


def test_residual_has_no_length_left_in_it():
    pool = pool_of()
    order = KNOWN["easy_length_residual"](pool)
    apart = np.abs(pool.log_length_ratio)
    assert abs(np.corrcoef(order, apart)[0, 1]) < 1e-4
    line = np.polyval(np.polyfit(apart, pool.similarity, 1), apart)
    np.testing.assert_allclose(order, pool.similarity - line, atol=1e-5)


def test_whitening_undoes_a_direction_that_all_share():
    random = np.random.default_rng(0)
    plain = random.normal(size=(200, 5))
    skewed = plain @ np.diag([20.0, 1, 1, 1, 1]) + [50.0, 0, 0, 0, 0]
    responses = pd.DataFrame(
        [(f"p{i // 4:03d}", f"r{i:04d}", 5) for i in range(200)],
        columns=["prompt_id", "response_id", "tokens"],
    ).assign(text="")
    embeddings = pd.DataFrame({"response_id": responses["response_id"], "vector": list(skewed)})
    pool = candidates(responses, embeddings, 7, section("select"))
    whole = candidates(responses, embeddings.assign(vector=list(plain)), 7, section("select"))
    near = np.corrcoef(KNOWN["whitened"](pool), whole.similarity)[0, 1]
    assert near > 0.5 > abs(np.corrcoef(pool.similarity, whole.similarity)[0, 1]) + 0.2


def test_mid_draws_inside_its_band_and_goes_to_the_nearest_outside():
    pool = pool_of(options={"mid": {"low": 0.4, "high": 0.6}})
    low, high = np.quantile(pool.similarity, [0.4, 0.6])
    inside = (pool.similarity >= low) & (pool.similarity <= high)
    order = KNOWN["mid"](pool)
    assert order[inside].max() < 1 <= order[~inside].min()
    far = np.maximum(low - pool.similarity, pool.similarity - high)[~inside]
    np.testing.assert_allclose(order[~inside] - 1, far, atol=1e-6)
    other = dataclasses.replace(pool, seed=8)
    assert (KNOWN["mid"](other)[inside] != order[inside]).all()


def test_margin_finds_the_clear_pairs_and_uncertainty_the_doubtful_ones():
    pool, gap = planted(noise=0.3)
    clear, doubtful, chance = (
        np.abs(gap[chosen(pool, n)]).mean() for n in ("margin", "uncertainty", "random")
    )
    assert clear > 1.6 * chance > 1.6 * 1.5 * doubtful


def listed(text_features):
    """Quality is how many list items a text has; vectors and lengths say nothing. A pool, and its true gaps."""
    random = np.random.default_rng(4)
    responses, embeddings = tables([5] * 80, width=8, seed=4)
    items = random.integers(0, 5, len(responses))
    responses["text"] = ["\n".join(["Well", *["- one"] * count]) for count in items]
    quality = dict(zip(responses["response_id"], items, strict=True))
    pilot = taught_by(responses, quality)
    known = labeled_pairs(pilot, responses, embeddings)
    pool = candidates(responses, embeddings, 7, section("select", text_features=text_features), known)
    truth = np.array([quality[r] for r in pool.responses])
    return pool, np.abs(truth[pool.first] - truth[pool.second])


def taught_by(responses, quality):
    """The first two responses of each prompt, and which of them is better."""
    sides = responses.groupby("prompt_id")["response_id"].agg(list)
    pilot = pd.DataFrame([(p, r[0], r[1]) for p, r in sides.items()],
                         columns=["prompt_id", "response_a", "response_b"])  # fmt: skip
    lead = pilot["response_a"].map(quality) - pilot["response_b"].map(quality)
    return pilot.assign(winner=np.where(lead > 0, "a", np.where(lead < 0, "b", "tie")))


def test_heads_see_what_can_be_counted_in_a_text_where_they_are_told_to():
    (seeing, gap), (blind, same) = listed(True), listed(False)
    np.testing.assert_array_equal(gap, same)
    most = np.array([gap[seeing.prompt == p].max() for p in range(80)]).mean()
    assert gap[chosen(seeing, "margin")].mean() > 0.9 * most
    assert gap[chosen(blind, "margin")].mean() < 0.7 * most


def test_a_length_free_margin_looks_past_length():
    pool, _ = planted(length_in=2.0)
    apart = np.abs(pool.log_length_ratio)
    plain, free = (apart[chosen(pool, name)].mean() for name in ("margin", "margin_length_free"))
    assert free < 0.7 * plain


@pytest.mark.parametrize("length_in", [0.0, 0.5, 3.0])
def test_a_bounded_margin_costs_no_length_bias(length_in):
    pool, gap = planted(length_in=length_in)
    apart = np.abs(pool.log_length_ratio)
    picked = chosen(pool, "margin_length_bounded")
    assert (
        apart[picked].mean() <= pool.options.options["margin_length_bounded"]["bound"] * apart.mean() + 1e-9
    )
    chance = chosen(pool, "random")
    assert np.abs(gap[picked]).mean() > 1.15 * np.abs(gap[chance]).mean()


def test_a_bounded_margin_is_the_best_that_keeps_the_bound():
    """Against trying every combination of one pair a prompt."""
    import itertools

    pool, _ = planted(prompts=40, k=4)
    small = pool.prompt < 5
    few = candidates(
        pd.DataFrame({"prompt_id": pool.prompt_ids[pool.owner], "response_id": pool.responses,
                      "tokens": pool.tokens, "text": pool.texts})[pool.owner < 5],
        pd.DataFrame({"response_id": pool.responses, "vector": list(pool.vectors)}),
        7, section("select"), pool.labeled_pairs,
    )  # fmt: skip
    assert small.sum() == len(few.prompt)
    sure, apart = np.abs(few.p_first - 0.5), np.abs(few.log_length_ratio)
    order = KNOWN["margin_length_bounded"](few)
    mine = pick(few, order, None)
    groups = [np.flatnonzero(few.prompt == p) for p in range(5)]
    allowed = [
        sure[list(c)].sum()
        for c in itertools.product(*groups)
        if apart[list(c)].sum() <= apart[mine].sum() + 1e-9
    ]
    assert sure[mine].sum() == pytest.approx(max(allowed), abs=1e-6)


def test_a_bound_that_does_not_bind_leaves_the_margin_as_it_is():
    pool, _ = planted(length_in=0.0)
    same = dataclasses.replace(pool, tokens=np.full(len(pool.tokens), 9))
    np.testing.assert_array_equal(KNOWN["margin_length_bounded"](same), -np.abs(same.p_first - 0.5))


def test_the_length_control_takes_the_most_different_lengths():
    pool = pool_of(learned=False)
    picked = chosen(pool, "length_gap")
    assert pool.tokens[pool.first[picked]].tolist() != pool.tokens[pool.second[picked]].tolist()
    for at in picked:
        mine = pool.prompt == pool.prompt[at]
        assert abs(pool.log_length_ratio[at]) == np.abs(pool.log_length_ratio[mine]).max()


def test_dcrm_prefers_the_nearer_of_two_pairs_with_the_same_gap():
    pool, _ = planted()
    order = KNOWN["dcrm"](pool)
    value = (1 / (1 + np.exp(-np.abs(pool.gap))) - 0.5) / (np.sqrt(2 - 2 * pool.similarity) + 0.01)
    np.testing.assert_allclose(order, -value, atol=1e-5)
    assert pool.distance[chosen(pool, "dcrm")].mean() < pool.distance[chosen(pool, "margin")].mean()


def test_implicit_margins_are_gaps_of_the_rewards_they_are_given():
    responses, embeddings = tables([4, 3])
    rewards = pd.Series(np.arange(7) ** 2.0, index=responses["response_id"])
    pool = candidates(responses, embeddings, 7, section("select"), None, rewards)
    gap = np.abs(
        rewards[pool.responses[pool.first]].to_numpy() - rewards[pool.responses[pool.second]].to_numpy()
    )
    np.testing.assert_allclose(KNOWN["implicit_margin"](pool), -gap)
    np.testing.assert_allclose(KNOWN["implicit_margin_small"](pool), gap)
    with pytest.raises(UserError, match=r"rewards\.reward"):
        KNOWN["implicit_margin"](dataclasses.replace(pool, rewards=None))


@pytest.mark.parametrize("name", [n for n in EVERY if "labels" in KNOWN[n].needs])
def test_what_learns_says_so_when_nothing_is_labeled(name):
    with pytest.raises(UserError, match=r"pilot\.prompts"):
        KNOWN[name](pool_of(learned=False))


def test_a_prompt_is_never_scored_by_a_head_that_saw_its_label():
    pool, _ = planted()
    known = pool.labeled_pairs
    mine = known.prompt_ids == "p007"
    lied = dataclasses.replace(known, target=np.where(mine, -80.0 * known.target, known.target))
    poisoned = dataclasses.replace(pool, labeled_pairs=lied)
    here = pool.prompt_ids[pool.prompt] == "p007"
    np.testing.assert_array_equal(pool.gap[here], poisoned.gap[here])
    assert (pool.gap[~here] != poisoned.gap[~here]).mean() > 0.5


def test_labels_that_say_nothing_are_no_lessons():
    responses, embeddings = tables([3])
    a, b, c = responses["response_id"]
    pilot = pd.DataFrame({"prompt_id": responses["prompt_id"], "response_a": [a, a, b],
                          "response_b": [b, c, c], "winner": ["a", "abstain", "both_bad"]})  # fmt: skip
    assert sorted(labeled_pairs(pilot, responses, embeddings).target) == [0.0, 1.0]
    assert labeled_pairs(pilot.assign(winner=""), responses, embeddings) is None
