"""Intervals: they cover what they should, are exact where nothing varies, and repeat."""

import numpy as np
import pytest
from scipy import stats

from realign.evaluation.intervals import Figure, Resampling, mean, rate, ratio

HOW = Resampling(resamples=400, confidence=0.9, seed=7)


def test_about_nine_in_ten_intervals_cover_the_true_mean():
    random = np.random.default_rng(1)
    samples = random.exponential(2.0, size=(300, 40))
    figures = [mean(values, HOW) for values in samples]
    covered = sum(figure.low <= 2.0 <= figure.high for figure in figures)
    # 90 % nominal; skewed samples of 40 cover a little less.
    assert 0.82 <= covered / 300 <= 0.96
    for figure, values in zip(figures, samples, strict=True):
        assert figure.low <= figure.value <= figure.high
        assert figure.value == pytest.approx(values.mean(), abs=1e-6)
        assert figure.n == 40


def test_about_nine_in_ten_intervals_cover_the_true_ratio():
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        below = random.gamma(5.0, 2.0, 40)
        above = 1.5 * below + random.normal(0, 2.0, 40)
        figure = ratio(above, below, HOW)
        assert figure.value == pytest.approx(above.mean() / below.mean(), abs=1e-6)
        covered += figure.low <= 1.5 <= figure.high
    assert 0.82 <= covered / 200 <= 0.97


def test_several_values_of_a_unit_are_drawn_together():
    # Ten copies of a value are one piece of news, not ten: 30 units, however many pairs each has.
    random = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        own = random.normal(0.3, 0.2, 30)
        values, units = np.repeat(own, 10), np.repeat(np.arange(30), 10)
        figure = mean(values, HOW, units)
        assert figure.value == pytest.approx(own.mean(), abs=1e-6)
        assert figure.n == 30
        covered += figure.low <= 0.3 <= figure.high
    assert 0.82 <= covered / 200 <= 0.97


def test_a_rate_without_spread_counts_units_and_one_value_a_unit_needs_no_units():
    units = np.array(["a", "a", "b", "b", "c"])
    assert rate(np.zeros(5), HOW, units) == rate(np.zeros(3), HOW)
    assert rate(np.ones(5), HOW, units) == rate(np.ones(3), HOW)
    values = np.array([1.0, 0.0, 0.5])
    assert mean(values, HOW, np.array(["c", "a", "b"])) == mean(values, HOW)


def test_a_ratio_is_resampled_by_prompt():
    # Where one follows the other closely, their ratio hardly varies, however much both do.
    random = np.random.default_rng(3)
    below = random.gamma(5.0, 2.0, 30)
    figure = ratio(2 * below + random.normal(0, 0.01, 30), below, HOW)
    assert 0 < figure.high - figure.low < 0.002


def test_more_confidence_is_a_wider_interval_and_more_prompts_a_narrower_one():
    values = np.random.default_rng(0).normal(size=400)

    def width(count, confidence):
        figure = mean(values[:count], Resampling(400, confidence, 7))
        return figure.high - figure.low

    assert width(100, 0.99) > width(100, 0.9) > width(100, 0.6)
    assert width(400, 0.9) < 0.7 * width(100, 0.9)
    assert width(400, 0.9) == pytest.approx(2 * 1.645 * values.std() / 20, rel=0.15)


def test_the_same_values_give_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).normal(size=30)
    assert mean(values, HOW) == mean(values, HOW)
    assert mean(values, HOW) != mean(values, Resampling(400, 0.9, 8))


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("count", [1, 30])
def test_a_rate_that_never_varies_has_the_exact_binomial_interval(value, count):
    figure = rate(np.full(count, value), Resampling(400, 0.95, 7))
    exact = 0.025 ** (1 / count)
    assert figure.value == value
    ends = (0.0, 1 - exact) if value == 0 else (exact, 1.0)
    assert (figure.low, figure.high) == pytest.approx(ends, abs=1e-6)
    assert (figure.n, figure.method) == (count, "exact binomial")
    reference = stats.binomtest(int(value * count), count).proportion_ci(0.95)
    assert (figure.low, figure.high) == pytest.approx((reference.low, reference.high), abs=1e-6)


def test_a_rate_between_has_a_bootstrap_interval_inside_0_and_1():
    figure = mean(np.array([0.0] * 9 + [1.0]), HOW)
    assert figure.method == "bootstrap BCa over prompts"
    assert 0 <= figure.low < 0.1 < figure.high < 1


def test_other_constant_figures_say_that_they_are_constant():
    assert mean(np.full(5, 0.3), HOW) == Figure(0.3, 0.3, 0.3, 5, "constant")
    assert ratio(np.full(4, 3.0), np.full(4, 2.0), HOW) == Figure(1.5, 1.5, 1.5, 4, "constant")


def test_without_values_there_is_no_figure():
    none = np.array([])
    assert mean(none, HOW) is None
    assert ratio(none, none, HOW) is None
    assert ratio(np.array([1.0, 2.0]), np.zeros(2), HOW) is None


def test_one_value_says_nothing_of_the_spread():
    one = np.array([0.5])
    assert mean(one, HOW) is None
    assert rate(one, HOW) is None
    assert ratio(one, one, HOW) is None


def test_figures_are_plain_and_rounded():
    found = mean(np.array([1 / 3, 2 / 3, 0.1]), HOW).as_json()
    assert set(found) == {"value", "low", "high", "n", "method"}
    assert found["value"] == 0.366667
    assert all(round(found[key], 6) == found[key] for key in ("value", "low", "high"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("above", "below"),
    [
        ([5.0, 7.0, 9.0], [5.0, 7.0, 9.0]),  # a policy that answers as its base does: length ratio 1
        ([0.0, 0.0, 0.0], [3.0, 5.0, 4.0]),  # a policy that equals its base: KL 0 on every prompt
        ([1.0, 2.0, 3.0], [0.0, 0.0, 5.0]),  # a base that mostly says nothing: a resample may hold no token
    ],
)
def test_a_ratio_is_finite_or_none(above, below):
    figure = ratio(np.array(above), np.array(below), HOW)
    assert figure is None or np.isfinite([figure.value, figure.low, figure.high]).all()


@pytest.mark.filterwarnings("ignore")
def test_a_ratio_whose_interval_cannot_be_known_is_not_called_constant():
    figure = ratio(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 5.0]), HOW)
    assert figure is None or figure.method != "constant"
