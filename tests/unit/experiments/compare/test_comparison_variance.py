"""Intervals and conclusions where the truth is known: sure of what they should be, and of no more.

bench/comparison_coverage.py asks the same with 1,000 repetitions and in more worlds.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from synthetic_arms import World

from realign.experiments.compare.runs import Runs, ratio
from realign.experiments.compare.variance import arm, difference

REPETITIONS = 150
WORLD = World(budgets=(100, 400), prompts=150, seed=0.15)


def measured(world: World, rng: np.random.Generator) -> Runs:
    scores = world.scores(rng)
    return ratio((scores > 0).astype(float), np.ones_like(scores))


def test_about_95_of_100_intervals_hold_the_truth_over_prompts_and_trainings():
    rng, truth = np.random.default_rng(1), WORLD.truth()
    arms, gaps, bare = [], [], []
    for _ in range(REPETITIONS):
        runs = measured(WORLD, rng)
        k, b = int(rng.integers(1, 4)), int(rng.integers(2))  # one a repetition: independent trials
        one, two = arm(runs, k, b), difference(runs, k, 0, b)
        gap = abs(two.value - (truth[k, b] - truth[0, b]))
        arms.append(abs(one.value - truth[k, b]) <= one.half_width(0.95))
        gaps.append(gap <= two.half_width(0.95))
        pooled = (runs.influence[k, b] - runs.influence[0, b]).mean(0)
        bare.append(gap <= 1.96 * pooled.std() / np.sqrt(WORLD.prompts))
    few = stats.binom.ppf(0.001, REPETITIONS, 0.94)
    assert sum(arms) >= few and sum(gaps) >= few
    assert sum(bare) < few  # what prompts alone would say is far too sure


def test_where_all_are_alike_hardly_any_conclusion_names_one():
    rng, null = np.random.default_rng(2), replace(WORLD, factors=(1.0,) * 4)
    wrong = 0
    for _ in range(REPETITIONS):
        runs = measured(null, rng)
        found = [difference(runs, k, 0, b).p_value() for k in range(1, 4) for b in range(2)]
        wrong += min(found) * len(found) <= 0.05  # Holm's first step
    assert wrong <= stats.binom.ppf(0.999, REPETITIONS, 0.05)


def test_a_large_difference_is_seen():
    rng = np.random.default_rng(3)
    world = replace(WORLD, factors=(1.0, 6.0), seed=0.03)
    found = [difference(measured(world, rng), 1, 0, 0).p_value() for _ in range(20)]
    assert np.mean(np.array(found) < 0.05) > 0.8


def test_without_training_noise_the_interval_is_that_of_prompts():
    values = np.random.default_rng(4).normal(size=(2, 1, 1, 60))
    runs = ratio(np.repeat(values, 3, axis=2), np.ones((2, 1, 3, 60)))
    found = difference(runs, 1, 0, 0)
    gap = (values[1] - values[0]).ravel()
    same = stats.ttest_1samp(gap, 0.0)
    assert found.value == pytest.approx(gap.mean())
    assert found.p_value() == pytest.approx(same.pvalue, rel=1e-6)
    assert found.half_width(0.9) == pytest.approx(np.ptp(list(same.confidence_interval(0.9))) / 2, rel=1e-6)


def test_where_trainings_are_all_that_differs_their_number_decides():
    levels = np.random.default_rng(5).normal(size=(3, 1, 4, 1))
    runs = ratio(np.repeat(levels, 50, axis=3), np.ones((3, 1, 4, 50)))
    found = difference(runs, 1, 0, 0)
    variances = levels[:, 0, :, 0].var(axis=1, ddof=1)
    expected = (variances[0] + variances[1:].mean()) / 4
    assert found.error == pytest.approx(np.sqrt(expected))
    welch = expected**2 / ((variances[0] / 4) ** 2 / 3 + (variances[1:].mean() / 4) ** 2 / 6)
    assert found.freedom == pytest.approx(max(3, welch))


def test_a_run_without_the_metric_or_a_single_prompt_gives_no_estimate():
    scores = np.random.default_rng(6).normal(size=(2, 1, 3, 10))
    below = np.ones_like(scores)
    below[1, 0, 2] = 0
    runs = ratio(scores, below)
    assert difference(runs, 1, 0, 0) is None and arm(runs, 1, 0) is None
    assert arm(runs, 0, 0) is not None
    assert arm(ratio(scores[..., :1], np.ones_like(scores[..., :1])), 0, 0) is None
