"""easy, hard, the candidates and the pick: equal to trying every pair, whatever the order of rows."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit_builders import section, shuffled

from realign.errors import UserError
from realign.selection import named, pick, registry
from realign.selection.candidates import candidates
from realign.selection.labeled_pairs import labeled_pairs
from realign.store import ids

KNOWN = registry()
EVERY = sorted(name for name, strategy in KNOWN.items() if "rewards" not in strategy.needs)


def taught(responses, embeddings):
    """LabeledPairs from all pairs of neighbours: the one with the larger first coordinate wins."""
    lead = {r: v[0] for r, v in embeddings.itertuples(index=False)}
    rows = []
    for prompt, part in responses.groupby("prompt_id"):
        of = sorted(part["response_id"])
        rows += [(prompt, a, b, "a" if lead[a] > lead[b] else "b") for a, b in itertools.pairwise(of)]
    pilot = pd.DataFrame(rows, columns=["prompt_id", "response_a", "response_b", "winner"])
    return labeled_pairs(pilot, responses, embeddings)


def tables(counts, width=5, seed=0, decimals=None):
    """Prompts with so many responses each; vectors rounded to `decimals` give ties."""
    random = np.random.default_rng(seed)
    rows, vectors = [], []
    for number, count in enumerate(counts):
        prompt = ids.digest("p", str(number))
        for k in range(count):
            response = ids.response_id(prompt, str(k))
            vector = random.normal(size=width)
            if decimals is not None:
                vector = np.round(vector, decimals)
                vector[0] += 10  # never zero
            rows.append((prompt, response, int(random.integers(1, 50))))
            vectors.append((response, vector.astype("float32")))
    responses = pd.DataFrame(rows, columns=["prompt_id", "response_id", "tokens"]).assign(text="")
    return responses, pd.DataFrame(vectors, columns=["response_id", "vector"])


def every_pair(responses, embeddings):
    """{prompt: [(cosine to 5 decimals, smaller id, larger id)]}, in plain Python."""
    vectors = {r: np.asarray(v, dtype=float) for r, v in embeddings.itertuples(index=False)}
    found = {}
    for prompt, part in responses.groupby("prompt_id"):
        for a, b in itertools.combinations(sorted(part["response_id"]), 2):
            x, y = vectors[a], vectors[b]
            cosine = round(float(x @ y / np.sqrt((x @ x) * (y @ y))), 5)
            found.setdefault(prompt, []).append((cosine, a, b))
    return found


def picked(responses, embeddings, name, budget=None, seed=7):
    pool = candidates(responses, embeddings, seed, section("select"), taught(responses, embeddings))
    rows = pick(pool, KNOWN[name](pool), budget)
    return [
        (str(pool.prompt_ids[pool.prompt[at]]), float(pool.similarity[at]),
         str(pool.responses[pool.first[at]]), str(pool.responses[pool.second[at]]))
        for at in rows
    ]  # fmt: skip


counts = st.lists(st.integers(2, 7), min_size=1, max_size=8)
seeds = st.integers(0, 10_000)
DECIMALS = st.sampled_from([None, 0])


@settings(max_examples=20)
@given(counts, seeds, DECIMALS)
def test_candidates_are_all_pairs_of_each_prompt_and_no_other(sizes, seed, decimals):
    responses, embeddings = tables(sizes, seed=seed, decimals=decimals)
    pool = candidates(responses, embeddings, 7, section("select"))
    expected = every_pair(responses, embeddings)
    found = [
        (str(pool.prompt_ids[p]), str(pool.responses[a]), str(pool.responses[b]))
        for p, a, b in zip(pool.prompt, pool.first, pool.second, strict=True)
    ]
    assert found == [
        (p, a, b) for p in sorted(expected) for _, a, b in sorted(expected[p], key=lambda x: x[1:])
    ]
    flat = {(a, b): cosine for pairs in expected.values() for cosine, a, b in pairs}
    assert np.allclose(pool.similarity, [flat[f[1:]] for f in found], atol=1.01e-5)
    assert (np.round(pool.similarity, 5) == pool.similarity).all()
    lengths = responses.set_index("response_id")["tokens"]
    assert pool.tokens.tolist() == lengths.loc[pool.responses].tolist()
    assert pool.pair_ids() == [ids.pair_id(*f) for f in found]


@pytest.mark.parametrize(("name", "sign"), [("easy", 1), ("hard", -1)])
@settings(max_examples=20)
@given(counts, seeds, DECIMALS)
def test_easy_and_hard_equal_trying_every_pair(name, sign, sizes, seed, decimals):
    responses, embeddings = tables(sizes, seed=seed, decimals=decimals)
    found = {prompt: (cosine, a, b) for prompt, cosine, a, b in picked(responses, embeddings, name)}
    expected = every_pair(responses, embeddings)
    assert set(found) == set(expected)
    for prompt, (cosine, a, b) in found.items():
        best = min(sign * c for c, *_ in expected[prompt])
        assert sign * cosine == pytest.approx(best, abs=1.01e-5)
        tied = [(x, y) for c, x, y in expected[prompt] if sign * c <= best + 1.01e-5]
        assert (a, b) in tied


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=8)
@given(sizes=counts, seed=seeds, budget=st.none() | st.integers(1, 5))
def test_the_order_of_rows_changes_nothing(name, sizes, seed, budget):
    responses, embeddings = tables(sizes, seed=seed, decimals=0)
    plain = picked(responses, embeddings, name, budget)
    assert picked(shuffled(responses, 1), shuffled(embeddings, 2), name, budget) == plain
    assert picked(responses.iloc[::-1], embeddings, name, budget) == plain


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=8)
@given(sizes=counts, seed=seeds)
def test_each_prompt_gets_one_pair_of_two_different_responses_of_its_own(name, sizes, seed):
    responses, embeddings = tables(sizes, seed=seed, decimals=0)
    owner = responses.set_index("response_id")["prompt_id"]
    found = picked(responses, embeddings, name)
    assert sorted(prompt for prompt, *_ in found) == sorted(set(responses["prompt_id"]))
    for prompt, _, a, b in found:
        assert a != b
        assert owner[a] == owner[b] == prompt


def test_ties_go_to_the_smaller_ids():
    responses, embeddings = tables([5, 5, 5])
    embeddings = embeddings.assign(vector=[np.ones(3, dtype="float32")] * len(embeddings))
    for name in ("easy", "hard"):
        found = picked(responses, embeddings, name)
        assert [prompt for prompt, *_ in found] == sorted(set(responses["prompt_id"]))
        for prompt, _, a, b in found:
            assert [a, b] == sorted(responses.loc[responses["prompt_id"] == prompt, "response_id"])[:2]
        assert picked(responses, embeddings, name, budget=2) == found[:2]


@pytest.mark.parametrize("name", ["easy", "hard"])
def test_a_budget_takes_the_most_extreme_prompts(name):
    responses, embeddings = tables([2, 3, 4, 5, 6, 2, 3], seed=3)
    everything = picked(responses, embeddings, name)
    ranked = [cosine for _, cosine, *_ in everything]
    assert ranked == sorted(ranked, reverse=name == "hard")
    assert len(set(ranked)) == 7
    assert picked(responses, embeddings, name, budget=3) == everything[:3]
    assert picked(responses, embeddings, name, budget=99) == everything


def test_a_cosine_of_minus_zero_is_zero():
    responses, embeddings = tables([2])
    embeddings["vector"] = [np.array([1, 0], "f4"), np.array([-1e-9, 1], "f4")]
    pool = candidates(responses, embeddings, 7, section("select"))
    assert str(pool.similarity[0]) == "0.0"


def test_length_of_a_vector_plays_no_part():
    responses, embeddings = tables([4, 5])
    longer = embeddings.assign(
        vector=[v * np.float32(2 ** (i % 5)) for i, v in enumerate(embeddings["vector"])]
    )
    assert picked(responses, longer, "easy") == picked(responses, embeddings, "easy")


def test_many_pairs_are_computed_in_pieces_of_no_consequence():
    from realign.selection.candidates import _cosines

    random = np.random.default_rng(0)
    vectors = random.normal(size=(30, 4))
    one, other = random.integers(0, 30, (2, 200))
    assert _cosines(vectors, one, other, chunk=7).tolist() == _cosines(vectors, one, other).tolist()


def test_an_unknown_strategy_says_which_there_are():
    assert list(named(["easy"], KNOWN)) == ["easy"]
    with pytest.raises(UserError, match=r"'esay', 'x'; there are centroid, dcrm, easy, easy_length"):
        named(["esay", "easy", "x"], KNOWN)
