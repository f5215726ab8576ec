"""Intervals cover, tests keep their level, Holm is Holm: on synthetic prompts with known truth."""

import numpy as np
import pytest
from scipy import stats

from realign.evaluation.figures import Terms
from realign.evaluation.intervals import Resampling
from realign.evaluation.paired import difference, equal, holm, rank_correlation

HOW = Resampling(400, 0.95, 7)
TRUTH, OTHER = 0.09, 0.16


def prompts(random, n=200, difference=True):
    """Errors among comparable pairs of two strategies, which share their prompts' difficulty."""
    mine, other = (TRUTH, OTHER) if difference else (TRUTH, TRUTH)
    difficulty = random.gamma(2.0, 0.5, n)
    below, other_below = random.binomial(4, 0.5, n), random.binomial(4, 0.7, n)
    above = random.binomial(below, np.minimum(mine * difficulty, 1))
    other_above = random.binomial(other_below, np.minimum(other * difficulty, 1))
    return Terms(above * 1.0, below * 1.0), Terms(other_above * 1.0, other_below * 1.0)


def true_difference():
    random = np.random.default_rng(99)
    one, other = prompts(random, 400_000)
    return one.value - other.value


def test_the_interval_of_a_difference_covers_the_truth():
    truth, random, hits = true_difference(), np.random.default_rng(1), 0
    for _ in range(200):
        found = difference(*prompts(random), HOW)
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 200 <= 0.985  # 0.95 within three binomial standard errors


def test_the_test_keeps_its_level_where_nothing_differs():
    random = np.random.default_rng(2)
    p = np.array([equal(*prompts(random, 120, difference=False), 7) for _ in range(200)])
    assert (p < 0.05).mean() <= 0.095
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_a_difference_that_is_there_is_found_and_has_the_right_sign():
    columns = prompts(np.random.default_rng(3), 800)
    found = difference(*columns, HOW)
    assert found.high < 0
    assert equal(*columns, 7) < 0.001
    one, other = columns
    assert found.value == pytest.approx(one.value - other.value, abs=1e-6)
    assert equal(other, one, 7) == equal(one, other, 7)


def test_nothing_to_compare_is_no_figure_and_no_evidence():
    zeros, ones = np.zeros(5), np.ones(5)
    assert difference(Terms(ones, zeros), Terms(ones, ones), HOW) is None
    assert equal(Terms(ones, zeros), Terms(ones, ones), 7) == 1.0
    assert equal(Terms(ones, ones), Terms(ones, ones), 7) == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_a_rank_correlation_is_spearmans():
    random = np.random.default_rng(5)
    x = random.normal(size=80).round(1)
    y = x + random.normal(size=80)
    found = rank_correlation(x, y, HOW)
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-6)
    assert found.low < found.value < found.high
    assert rank_correlation(np.ones(9), np.arange(9.0), HOW) is None
