"""Labels saved: read off known curves exactly, and without bias off measured ones."""

import numpy as np
import pytest
from scipy import stats
from synthetic_arms import World

from realign.evaluation.intervals import Resampling
from realign.experiments.compare.runs import Grid, ratio
from realign.experiments.compare.saved import curve, saved

BUDGETS = np.array([50.0, 100.0, 200.0, 400.0])


def test_a_rising_curve_is_read_straight_in_the_logarithm():
    found = curve(BUDGETS, np.array([0.5, 0.6, 0.7, 0.8]))
    assert found.needed(0.65)[0] == pytest.approx(np.sqrt(100 * 200))
    assert found.needed(0.8)[0] == pytest.approx(400)
    assert found.at(100) == pytest.approx(0.6)


def test_beyond_the_budgets_nothing_is_assumed():
    found = curve(BUDGETS, np.array([0.5, 0.6, 0.7, 0.8]))
    assert found.needed(0.45) == (0.0, 50.0)
    assert found.needed(0.81) == (400.0, np.inf)


def test_scores_that_fall_are_drawn_together_at_their_centre():
    found = curve(BUDGETS, np.array([0.5, 0.7, 0.6, 0.8]))
    assert np.exp(found.labels) == pytest.approx([50, np.sqrt(100 * 200), 400])
    assert found.scores == pytest.approx([0.5, 0.65, 0.8])


def exact(*curves: list[float]) -> dict[str, list[dict[str, object]]]:
    scores = np.repeat(np.array(curves)[:, :, None, None], 30, axis=3)
    grid = Grid(tuple("abc"[: len(curves)]), tuple(int(b) for b in BUDGETS), (1,))
    return saved(ratio(scores, np.ones_like(scores)), grid, Resampling(20, 0.95, 1))


def test_a_strategy_twice_as_good_saves_half_where_both_were_tried():
    rows = exact([0.5, 0.6, 0.7, 0.8], [0.6, 0.7, 0.8, 0.9])["b"]
    assert [row["labels"] for row in rows] == [100, 200, 400]
    assert [row["reached"] for row in rows] == ["below", "yes", "yes"]
    assert [row["saved"] for row in rows] == pytest.approx([0.5, 0.5, 0.5])
    assert [row["needed"] for row in rows] == [None, 100.0, 200.0]
    assert (rows[0]["low"], rows[0]["high"]) == (0.5, 1.0)  # at most 50 labels: anything from half to all


def test_a_score_that_is_not_reached_is_said_to_be():
    rows = exact([0.5, 0.6, 0.7, 0.8], [0.4, 0.5, 0.6, 0.7])["b"]
    assert [row["reached"] for row in rows] == ["yes", "yes", "no"]
    assert rows[0]["saved"] == pytest.approx(-1.0)
    assert rows[2]["saved"] is rows[2]["needed"] is rows[2]["low"] is None
    assert rows[2]["high"] == pytest.approx(0.0)  # it takes more than 400


def test_one_budget_makes_no_curve():
    scores = np.ones((2, 1, 1, 5))
    assert saved(ratio(scores, scores), Grid(("a", "b"), (50,), (1,)), Resampling(20, 0.95, 1)) == {}


def test_the_estimate_is_unbiased_within_its_interval_on_measured_curves():
    world = World(factors=(1.0, 1.6), prompts=200, seed=0.05)
    truth, repetitions = 1 - 1 / 1.6, 40
    rng = np.random.default_rng(7)
    grid = Grid(world.strategies, world.budgets, (0, 1, 2))
    held, values, widths = 0, [], []
    for number in range(repetitions):
        scores = world.scores(rng)
        runs = ratio((scores > 0).astype(float), np.ones_like(scores))
        row = next(
            r for r in saved(runs, grid, Resampling(120, 0.95, number))["other1"] if r["labels"] == 200
        )
        low, high = (-np.inf if row["low"] is None else row["low"]), row["high"]
        held += low <= truth <= high
        values.append({"no": -np.inf, "below": np.inf}.get(row["reached"], row["saved"]))
        widths.append(high - low)
    assert held >= stats.binom.ppf(0.001, repetitions, 0.94)
    assert abs(np.median(values) - truth) < 0.2 * np.median(widths)
    assert np.median(widths) < 2.0  # an interval that says something
