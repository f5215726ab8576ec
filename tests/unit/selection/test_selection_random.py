"""random: uniform over a prompt's pairs, from seed and pair alone."""

import dataclasses
from collections import Counter

import numpy as np
from scipy import stats
from test_selection_pairs import picked, tables
from unit_builders import section

from realign.selection import pick
from realign.selection.candidates import candidates
from realign.selection.strategies.random import random


def test_every_pair_is_drawn_about_as_often():
    pool = candidates(*tables([4]), 0, section("select"))
    pools = (dataclasses.replace(pool, seed=seed) for seed in range(1200))
    draws = Counter(int(pick(pool, random(pool), None)[0]) for pool in pools)
    assert sorted(draws) == list(range(6))
    assert stats.chisquare(list(draws.values())).pvalue > 1e-3


def test_another_seed_draws_other_pairs():
    responses, embeddings = tables([6] * 30)
    one, other = (picked(responses, embeddings, "random", seed=seed) for seed in (1, 2))
    assert sorted(one) != sorted(other)
    assert picked(responses, embeddings, "random", seed=1) == one


def test_draws_of_two_prompts_are_independent():
    responses, embeddings = tables([2] * 3000)
    order = random(candidates(responses, embeddings, 7, section("select")))
    assert stats.kstest(order, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.06


def test_a_pairs_number_does_not_depend_on_the_other_pairs():
    responses, embeddings = tables([5, 4, 3])
    pool = candidates(responses, embeddings, 7, section("select"))
    numbers = dict(zip(pool.pair_ids(), random(pool), strict=True))
    some = responses.groupby("prompt_id").head(3)
    pool = candidates(some, embeddings, 7, section("select"))
    for pair, number in zip(pool.pair_ids(), random(pool), strict=True):
        assert numbers[pair] == number
