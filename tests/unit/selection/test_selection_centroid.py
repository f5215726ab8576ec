"""centroid: the best split in two, and one response near the centre of each part."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from unit_builders import section

from realign.selection import pick
from realign.selection.candidates import candidates
from realign.selection.strategies.centroid import _bipartition, _lloyd, centroid


def unit(n, k, d, seed):
    vectors = np.random.default_rng(seed).normal(size=(n, k, d))
    return vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


def inertia(vectors, left):
    parts = [vectors[left], vectors[~left]]
    return sum(((part - part.mean(0)) ** 2).sum() for part in parts)


def all_splits(k):
    """Every split of k into two parts that are not empty, each once."""
    for size in range(1, k):
        for part in itertools.combinations(range(k - 1), size):
            left = np.zeros(k, dtype=bool)
            left[list(part)] = True
            yield left


def tables(vectors):
    """Two tables for (n, k, d) vectors, response ids in the vectors' order."""
    rows, embedded = [], []
    for p, group in enumerate(vectors):
        for r, vector in enumerate(group):
            rows.append((f"p{p:03d}", f"p{p:03d}r{r:03d}", 5))
            embedded.append((rows[-1][1], vector.astype("float32")))
    return (
        pd.DataFrame(rows, columns=["prompt_id", "response_id", "tokens"]).assign(text=""),
        pd.DataFrame(embedded, columns=["response_id", "vector"]),
    )


def picks(vectors):
    """For each prompt the numbers of the two picked responses."""
    pool = candidates(*tables(vectors), 7, section("select"))
    rows = sorted(pick(pool, centroid(pool), None), key=lambda at: pool.prompt[at])
    sizes = np.cumsum([0, *map(len, vectors)])
    return [(int(pool.first[at] - sizes[p]), int(pool.second[at] - sizes[p])) for p, at in enumerate(rows)]


@pytest.mark.parametrize("k", range(3, 9))
def test_the_split_is_the_best_of_all_and_as_good_as_scikit_learns(k):
    vectors = unit(12, k, 4, seed=k)
    for group, left in zip(vectors, _bipartition(vectors), strict=True):
        found = inertia(group, left)
        assert found == pytest.approx(min(inertia(group, split) for split in all_splits(k)), abs=1e-9)
    reference = KMeans(2, n_init=50, random_state=0).fit(vectors[0]).inertia_
    assert inertia(vectors[0], _bipartition(vectors)[0]) == pytest.approx(reference, abs=1e-9)


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_the_picks_are_nearest_to_the_two_centres(k):
    vectors = unit(20, k, 6, seed=50 + k)
    for group, left, found in zip(vectors, _bipartition(vectors), picks(vectors), strict=True):
        expected = []
        for part in (left, ~left):
            distance = ((group - group[part].mean(0)) ** 2).sum(1).round(9)  # of two, both are nearest
            expected.append(int(np.where(part, distance, np.inf).argmin()))
        assert found == tuple(sorted(expected))
        assert left[found[0]] != left[found[1]]


def test_two_clear_clusters_give_one_response_of_each():
    random = np.random.default_rng(0)
    for k in (4, 9, 12, 13, 20):
        middle = np.where(np.arange(k)[:, None] % 2 == 0, [5.0, 0, 0], [0, 5.0, 0])
        ((a, b),) = picks((middle + random.normal(size=(k, 3)) * 0.2)[None])
        assert a % 2 != b % 2


def test_prompts_of_different_size_do_not_disturb_each_other():
    groups = [unit(1, k, 5, seed=k)[0] for k in (2, 7, 3, 13, 2, 12, 14, 7)]
    assert picks(groups) == [picks([group])[0] for group in groups]


@given(st.integers(13, 24), st.integers(2, 40), st.integers(0, 10_000))
def test_many_responses_split_into_two_parts_that_are_not_empty(k, d, seed):
    vectors = unit(3, k, d, seed)
    left = _lloyd(vectors)
    assert ((left.sum(1) > 0) & (left.sum(1) < k)).all()
    for (a, b), part in zip(picks(vectors), left, strict=True):
        assert part[a] != part[b]


def test_many_responses_split_nearly_as_well_as_scikit_learn_splits():
    vectors = unit(10, 13, 4, seed=3)
    for group, left in zip(vectors, _lloyd(vectors), strict=True):
        assert inertia(group, left) <= 1.25 * KMeans(2, n_init=20, random_state=0).fit(group).inertia_
        centres = [group[part].mean(0) for part in (left, ~left)]
        nearer = ((group - centres[0]) ** 2).sum(1) < ((group - centres[1]) ** 2).sum(1)
        assert (nearer == left).all()


@pytest.mark.parametrize(
    "k",
    [
        2,
        12,
        pytest.param(13),
    ],
)
def test_responses_that_are_all_alike_still_give_a_pair(k):
    ((a, b),) = picks(np.ones((1, k, 3)))
    assert 0 <= a < b < k


def test_a_centroid_pair_comes_before_all_others_and_ties_go_by_likeness():
    pool = candidates(*tables(unit(6, 5, 4, seed=1)), 7, section("select"))
    order = centroid(pool)
    assert (order == 0).sum() == 6
    others = order != 0
    assert np.array_equal(order[others], 1 + pool.similarity[others])
