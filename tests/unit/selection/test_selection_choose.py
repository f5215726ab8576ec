"""Budgets across prompts, several pairs a prompt, mixtures: counted and compared with plain definitions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_selection_pairs import KNOWN, counts, seeds, tables
from unit_builders import section

from realign.errors import UserError
from realign.selection import Strategy, choose, pick
from realign.selection.across import ACROSS, k_center, prompt_means, shares, stratified
from realign.selection.candidates import candidates
from realign.selection.choose import choices


def pool_of(sizes, seed=0, **options):
    return candidates(*tables(list(sizes), seed=seed), 7, section("select", **options))


@given(counts, seeds, st.integers(1, 12), st.integers(1, 4), st.sampled_from(sorted(ACROSS)))
def test_a_budget_is_kept_and_first_choices_come_first(sizes, seed, budget, per_prompt, across):
    pool = pool_of(sizes, seed)
    found = pick(pool, pool.similarity, budget, across, per_prompt)
    assert len(found) <= budget
    assert len(set(found)) == len(found)
    choice = choices(pool, pool.similarity)[found]
    assert (np.diff(choice) >= 0).all()
    assert (np.bincount(pool.prompt[found]) <= per_prompt).all()
    whole = np.minimum(np.bincount(pool.prompt), per_prompt).sum()
    if budget >= whole:
        assert len(found) == whole
    elif per_prompt == 1:
        assert len(found) == budget


@given(counts, seeds, st.integers(1, 5))
def test_several_pairs_a_prompt_are_its_best_ones(sizes, seed, per_prompt):
    pool = pool_of(sizes, seed)
    found = pick(pool, pool.similarity, None, "top", per_prompt)
    for p in range(len(pool.prompt_ids)):
        mine = np.flatnonzero(pool.prompt == p)
        best = np.sort(pool.similarity[mine])[:per_prompt]
        assert sorted(pool.similarity[found[pool.prompt[found] == p]]) == best.tolist()


def clustered(sizes, seed=0):
    """Prompts around far centres: group g has sizes[g] prompts, and its own level of similarity."""
    random = np.random.default_rng(seed)
    rows, vectors = [], []
    for group, size in enumerate(sizes):
        for p in range(size):
            for r in range(3):
                id_ = f"g{group}p{p:03d}r{r}"
                rows.append((f"g{group}p{p:03d}", id_, 5))
                vector = np.eye(len(sizes))[group] * 10 + random.normal(size=len(sizes)) * (
                    0.1 + 1.5 * (group == 2)
                )
                vectors.append((id_, vector))
    return candidates(
        pd.DataFrame(rows, columns=["prompt_id", "response_id", "tokens"]).assign(text=""),
        pd.DataFrame(vectors, columns=["response_id", "vector"]), 7, section("select"),
    )  # fmt: skip


def groups(pool, found):
    return np.unique([pool.prompt_ids[p][:2] for p in pool.prompt[found]], return_counts=True)


def test_top_follows_the_strategy_where_strata_keep_every_cluster():
    pool = clustered((60, 30, 10))
    names, _ = groups(pool, pick(pool, pool.similarity, 10, "top"))
    assert names.tolist() == ["g2"]
    names, number = groups(pool, pick(pool, pool.similarity, 50, "stratified"))
    assert dict(zip(names, number, strict=True)) == {"g0": 30, "g1": 15, "g2": 5}


def test_within_a_stratum_the_first_come_first():
    pool = clustered((8, 8))
    best = np.random.default_rng(1).random(16)
    picked = stratified(pool, best, 8)
    for group in (range(8), range(8, 16)):
        mine = [p for p in picked if p in group]
        assert sorted(mine) == sorted(sorted(group, key=lambda p: best[p])[: len(mine)])


def test_k_center_covers_like_gonzalez():
    pool = clustered((40, 5, 3))
    names, _ = groups(pool, pick(pool, pool.similarity, 3, "k_center"))
    assert names.tolist() == ["g0", "g1", "g2"]
    means, best = prompt_means(pool), np.arange(48.0)
    picked = list(k_center(pool, best, 12))
    assert picked[0] == 0
    for n in range(1, 12):
        distance = np.min([((means - means[p]) ** 2).sum(1) for p in picked[:n]], axis=0)
        assert distance[picked[n]] == pytest.approx(distance.max(), abs=1e-8)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.integers(0, 60))
def test_shares_add_up_and_are_off_by_less_than_one(parts, count):
    weights = np.array(parts) / sum(parts)
    found = shares(weights, count)
    assert found.sum() == count
    assert (abs(found - weights * count) < 1 + 1e-6).all()


@given(seeds, st.none() | st.integers(1, 25))
def test_a_mixture_shares_prompts_out_by_its_parts(seed, budget):
    pool = pool_of([4] * 20, seed, budget=budget, mix={"hard": 0.2, "easy": 0.8})
    found = choose("mix", pool, KNOWN, pool.options)
    assert len(found.pairs) == min(20, budget or 20)
    assert len(set(pool.prompt[found.pairs])) == len(found.pairs)
    easy, hard = (choices(pool, KNOWN[name](pool))[found.pairs] == 1 for name in ("easy", "hard"))
    assert (easy ^ hard).all()
    split = shares(np.array([0.8, 0.2]), len(found.pairs))[0]
    assert easy.sum() == split
    assert (abs(np.cumsum(easy) - 0.8 * np.arange(1, len(easy) + 1)) <= 1).all(), "a part waits for its turn"
    alone = pick(pool, pool.similarity, int(split)) if split else []
    assert list(found.pairs[easy]) == list(alone)


TAUGHT = {"learner": Strategy("learner", lambda p: -p.similarity, ("labels",)), **KNOWN}


@given(seeds, st.none() | st.integers(3, 25))
def test_who_learns_gets_the_pilot_first_and_pays_for_it(seed, budget):
    pool = pool_of([4] * 20, seed, budget=budget)
    pilot = np.flatnonzero(np.isin(pool.prompt, [2, 5, 11]))[[1, 7, 14]]
    found = choose("learner", pool, TAUGHT, pool.options, pilot)
    assert list(found.pairs[:3]) == list(pilot)
    assert len(found.pairs) == min(20, budget or 20)
    assert len(set(pool.prompt[found.pairs])) == len(found.pairs)
    hardest = pick(pool, -pool.similarity, None)
    others = hardest[~np.isin(pool.prompt[hardest], pool.prompt[pilot])]
    assert list(found.pairs[3:]) == list(others[: len(found.pairs) - 3])
    unaware = choose("hard", pool, TAUGHT, pool.options, pilot)
    assert list(unaware.pairs) == list(choose("hard", pool, KNOWN, pool.options).pairs)


@given(seeds)
def test_a_pair_that_is_not_sound_is_left_out_before_the_cut(seed):
    pool = pool_of([4] * 20, seed, budget=5)
    whole = pick(pool, pool.similarity, None)
    sound = np.ones(len(pool.prompt), dtype=bool)
    sound[whole[[0, 3]]] = False
    found = choose("easy", pool, KNOWN, pool.options, sound=sound).pairs
    assert list(found) == list(np.delete(whole, [0, 3])[:5])


def test_a_mixture_of_unknown_parts_is_refused():
    pool = pool_of([3], mix={"esay": 1.0})
    with pytest.raises(UserError, match="'esay'"):
        choose("mix", pool, KNOWN, pool.options)
