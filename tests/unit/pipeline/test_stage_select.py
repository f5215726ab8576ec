"""select: each strategy's pairs of the train prompts, a random pair of each held-out one."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from stage_builders import run as run_stage
from unit_builders import refused, shuffled, world

from realign.data.text_features import TEXT_FEATURES, text_features
from realign.errors import UserError
from realign.models import reward_head as pairwise
from realign.selection.labeled_pairs import labeled_pairs
from realign.selection.vectors import directions
from realign.store import artifacts, ids, schemas


@pytest.fixture
def run(tmp_path):
    def go(tables, strategy="easy", audit=("hard", "random"), budget=None, seed=7):
        changes = {"seed": seed, "strategy": strategy, "audit": list(audit), "select.budget": budget}
        return run_stage("select", tables, tmp_path, changes)

    return go


def test_every_strategy_picks_from_the_train_prompts_and_chance_from_the_held_out(run):
    tables = world()
    found = run(tables).pairs
    assert found.groupby(["purpose", "strategy"]).size().to_dict() == {
        ("train", "easy"): 8,
        ("audit", "hard"): 8,
        ("audit", "random"): 8,
        ("holdout", "random"): 4,
    }
    split = tables.prompts.set_index("prompt_id")["split"]
    belongs = np.where(found["purpose"] == "holdout", "eval", "train")
    assert (split.loc[found["prompt_id"]].to_numpy() == belongs).all()


def test_a_pair_says_likeness_length_and_its_place_among_all(run):
    tables = world(k=4)
    found = run(tables).pairs
    tokens = tables.responses.set_index("response_id")["tokens"]
    vectors = tables.embeddings.set_index("response_id")["vector"]
    for row in found.itertuples():
        assert row.pair_id == ids.pair_id(row.prompt_id, row.response_a, row.response_b)
        assert (row.response_a, row.response_b) == ids.shown_order(
            row.prompt_id, row.response_b, row.response_a
        )
        ratio = np.log(tokens[row.response_a] / tokens[row.response_b])
        assert row.log_length_ratio == pytest.approx(ratio, abs=1e-6)
        a, b = (vectors[r].astype(float) for r in (row.response_a, row.response_b))
        assert row.similarity == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)
        assert row.n_pairs == 6
    assert set(found.loc[found["strategy"] == "easy", "rank"]) == {1}
    assert set(found.loc[found["strategy"] == "hard", "rank"]) == {6}
    chance = found[found["strategy"] == "random"]
    assert len(set(chance["rank"])) > 2


def test_a_budget_limits_each_strategy_and_never_the_held_out_pairs(run):
    tables = world()
    limited, everything = run(tables, budget=3).pairs, run(tables).pairs
    assert limited.groupby(["purpose", "strategy"]).size().tolist() == [3, 3, 4, 3]
    for name, largest in (("easy", False), ("hard", True)):
        of_all = everything.loc[everything["strategy"] == name, "similarity"]
        wanted = of_all.nlargest(3) if largest else of_all.nsmallest(3)
        assert sorted(limited.loc[limited["strategy"] == name, "similarity"]) == sorted(wanted)


def test_the_order_of_rows_changes_nothing(run):
    tables, other = world(), world()
    other.prompts, other.responses = shuffled(other.prompts), shuffled(other.responses, 2)
    other.embeddings = shuffled(other.embeddings, 3)
    one, two = (artifacts.conform(run(t).pairs, schemas.PAIRS, "pairs").to_pandas() for t in (tables, other))
    pd.testing.assert_frame_equal(one, two)


def test_prompts_without_two_usable_responses_are_set_aside(run):
    tables = world(train=6, held_out=2, k=3)
    of = [
        tables.responses.loc[tables.responses["prompt_id"] == p, "response_id"]
        for p in tables.prompts["prompt_id"]
    ]
    vectors = tables.embeddings.set_index("response_id")["vector"].to_dict()
    for response in of[0][1:]:
        vectors[response] = np.zeros(6, dtype="float32")
    for response in of[1]:
        vectors[response] = np.full(6, np.nan, dtype="float32")
    vectors[of[2].iloc[0]] = np.array([np.inf] + [0.0] * 5, dtype="float32")
    tables.embeddings = pd.DataFrame(vectors.items(), columns=["response_id", "vector"])
    tables.responses = tables.responses[~tables.responses["response_id"].isin(of[3])]
    found = run(tables)
    prompts = tables.prompts["prompt_id"]
    assert found.quarantine_select.set_index("id")["reason"].to_dict() == {
        prompts[0]: "one_response",
        prompts[1]: "no_response",
        prompts[3]: "no_response",
    }
    assert found.tally_select.as_json()["prompt"]["out"] == 5
    used = set(found.pairs["response_a"]) | set(found.pairs["response_b"])
    assert not used & {*of[0], *of[1], of[2].iloc[0]}
    assert found.pairs.loc[found.pairs["prompt_id"] == prompts[2], "n_pairs"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("split", ["train", "eval"])
def test_a_side_without_pairs_is_refused(run, split):
    tables = world(train=2, held_out=2)
    gone = tables.prompts.loc[tables.prompts["split"] == split, "prompt_id"]
    tables.responses = tables.responses[~tables.responses["prompt_id"].isin(gone)]
    with refused("data.nothing_left", match=f"no {split} prompts with two different responses"):
        run(tables)


def test_an_unknown_strategy_is_refused(run):
    with pytest.raises(UserError, match="'esay'"):
        run(world(), audit=["esay"])


def test_the_histogram_counts_every_pair_once(run):
    found = run(world()).plot_similarity
    assert found.groupby("picks")["pairs"].sum().to_dict() == {"all": 48, "easy": 8, "hard": 8, "random": 8}
    assert found.groupby("picks")["bin"].apply(list).tolist() == [list(range(40))] * 4
    one = found[found["picks"] == "all"]
    assert (one["low"].to_numpy()[1:] == one["high"].to_numpy()[:-1]).all()


def test_texts_that_are_all_alike_still_have_a_histogram(run):
    tables = world()
    tables.embeddings["vector"] = [np.ones(4, dtype="float32")] * len(tables.embeddings)
    found = run(tables)
    assert found.plot_similarity.query("picks == 'all'")["pairs"].sum() == 48
    assert set(found.pairs["similarity"]) == {1.0}


def piloted(tables):
    """A label on a pair of each of twelve train prompts: the shorter one wins."""
    train = tables.prompts.query("split == 'train'")["prompt_id"].iloc[:12]
    rows = []
    for prompt in train:
        of = tables.responses.loc[tables.responses["prompt_id"] == prompt, "response_id"].tolist()
        rows.append((prompt, of[0], of[3], "a"))
    found = pd.DataFrame(rows, columns=["prompt_id", "response_a", "response_b", "winner"])
    return found.assign(pair_id=[ids.pair_id(*row[:3]) for row in rows], p_a=0.5, labeler="test")


@pytest.mark.parametrize("counted", [True, False])
def test_a_pilot_teaches_and_every_pair_says_what_the_head_predicts(counted, tmp_path):
    tables = world(train=30)
    changes = {"strategy": "margin", "audit": ["random"], "select.text_features": counted}
    with pytest.raises(UserError, match=r"pilot\.prompts"):
        run_stage("select", tables, tmp_path, changes)
    pilot = piloted(tables)
    found = run_stage("select", tables, tmp_path, changes, pilot=pilot).pairs
    assert found["predicted_gap"].notna().all()
    best = found.query("strategy == 'margin'")["predicted_gap"].abs()
    assert best.mean() > found.query("purpose == 'audit'")["predicted_gap"].abs().mean()
    taught = labeled_pairs(pilot, tables.responses, tables.embeddings)
    lessons_of = [taught.vectors_a, taught.vectors_b]
    sides = [directions(tables.embeddings, found[side]) for side in ("response_a", "response_b")]
    kinds = None
    if counted:
        text = tables.responses.set_index("response_id")["text"]
        lessons_of = [
            np.hstack(both) for both in zip(lessons_of, [taught.features_a, taught.features_b], strict=True)
        ]
        counts = [text_features(text[found[side]]) for side in ("response_a", "response_b")]
        sides = [np.hstack(both) for both in zip(sides, counts, strict=True)]
        kinds = (sides[0].shape[1] - len(TEXT_FEATURES), len(TEXT_FEATURES))
    head = pairwise.CrossFitted(*lessons_of, taught.target, taught.prompt_ids, columns=kinds)
    expected = head.gap(*sides, found["prompt_id"].to_numpy())
    np.testing.assert_allclose(found["predicted_gap"], expected, atol=2e-6)
    same = run_stage("select", tables, tmp_path, changes, pilot=shuffled(pilot)).pairs
    swapped = tables.responses["response_id"].isin(found["response_a"])
    assert swapped.any()  # and a gap of a pair shown the other way round has the other sign
    mine = found[found["strategy"] == "margin"]
    assert set(pilot["pair_id"]) <= set(mine["pair_id"])
    assert mine["prompt_id"].is_unique and len(mine) == 30
    pd.testing.assert_frame_equal(found, same)


def test_without_a_pilot_nothing_is_predicted(run):
    assert run(world()).pairs["predicted_gap"].isna().all()


def test_choices_are_numbered_and_held_out_prompts_keep_one_pair(tmp_path):
    tables = world()
    changes = {
        "strategy": "hard", "audit": ["mix"], "select.pairs_per_prompt": 2, "select.mix": {"easy": 0.5, "hard": 0.5},
    }  # fmt: skip
    found = run_stage("select", tables, tmp_path, changes).pairs
    hard = found.query("strategy == 'hard'")
    assert hard.groupby("prompt_id")["choice"].apply(sorted).tolist() == [[1, 2]] * 8
    assert (hard["rank"] == 7 - hard["choice"]).all()
    assert len(found.query("purpose == 'holdout'")) == 4
    assert len(found.query("strategy == 'mix'")) == 16


def test_a_teams_own_strategy_is_run_like_any_other(tmp_path):
    tables = world()
    (tmp_path / "middle.py").write_text(
        "import numpy as np\ndef middle(pool):\n    return abs(pool.similarity - np.median(pool.similarity))\n"
    )
    found = run_stage("select", tables, tmp_path, {"strategy": "middle", "audit": []}, strategies=tmp_path)
    assert len(found.pairs.query("purpose == 'train' and strategy == 'middle'")) == 8


def test_the_policys_own_rewards_say_which_gap_is_largest_and_which_is_smallest(tmp_path):
    tables = world(k=4)
    random = np.random.default_rng(1)
    train = tables.prompts.query("split == 'train'")["prompt_id"]
    mine = tables.responses[tables.responses["prompt_id"].isin(train)]
    reward = pd.Series(random.normal(size=len(mine)), index=mine["response_id"].to_numpy())
    table = pd.DataFrame({"response_id": reward.index, "reward": reward.to_numpy()})
    table = table.assign(policy_logprob=None, reference_logprob=0.0, tokens=1)
    changes = {"strategy": "implicit_margin", "audit": ["implicit_margin_small"]}
    found = run_stage("select", tables, tmp_path, changes, rewards=shuffled(table)).pairs
    for name, pick in (("implicit_margin", max), ("implicit_margin_small", min)):
        picks = found[found["strategy"] == name].set_index("prompt_id")
        assert sorted(picks.index) == sorted(train)
        for prompt, part in mine.groupby("prompt_id"):
            best = pick(
                combinations(part["response_id"], 2), key=lambda pair: abs(reward[pair[0]] - reward[pair[1]])
            )
            assert {*picks.loc[prompt, ["response_a", "response_b"]]} == {*best}
    assert len(found.query("purpose == 'holdout'")) == 4, "held-out prompts have no rewards and need none"
    with pytest.raises(UserError, match=r"Set rewards\.reward to base or adapter"):
        run_stage("select", tables, tmp_path, changes)
