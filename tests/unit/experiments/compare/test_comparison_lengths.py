"""The length-controlled win rate: what is left of a win rate when length is taken out of it."""

import numpy as np
import pytest
from scipy import special

from realign.experiments.compare.lengths import length_controlled


def runs(win: np.ndarray, longer: np.ndarray) -> tuple[float, np.ndarray]:
    found = length_controlled(win[None, None, None], longer[None, None, None])
    return float(found.value[0, 0, 0]), found.influence[0, 0, 0]


def drawn(n: int, quality: float, bias: float, lead: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    longer = rng.normal(lead, 30.0, n)
    p = special.expit(quality + bias * np.tanh(longer / longer.std(ddof=1)))
    return (rng.random(n) < p).astype(float), longer


def test_wins_by_length_alone_are_taken_away():
    win, longer = drawn(20_000, quality=0.0, bias=2.0, lead=40.0)
    value, _ = runs(win, longer)
    assert win.mean() > 0.7
    assert value == pytest.approx(0.5, abs=0.02)


def test_wins_by_quality_stay():
    win, longer = drawn(20_000, quality=0.8, bias=1.0, lead=0.0)
    assert runs(win, longer)[0] == pytest.approx(special.expit(0.8), abs=0.01)


def test_influence_is_what_leaving_a_prompt_out_does():
    win, longer = drawn(60, quality=0.3, bias=1.0, lead=10.0)
    value, influence = runs(win, longer)
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    for i in (0, 7, 31):
        keep = np.arange(60) != i
        left = runs(win[keep], longer[keep])[0]
        assert value - influence[i] / 59 == pytest.approx(left, abs=2e-3)


@pytest.mark.parametrize("win", [np.ones(20), np.zeros(20)])
def test_a_policy_that_always_wins_or_loses_is_that(win: np.ndarray):
    value, influence = runs(win, np.arange(20.0) - 5)
    assert value == win[0] and not influence.any()


def test_answers_of_the_same_length_leave_the_win_rate_as_it_is():
    win = np.array([1.0, 0.0, 0.5, 1.0])
    assert runs(win, np.zeros(4))[0] == pytest.approx(0.625)


def test_what_length_alone_explains_cannot_be_told():
    longer = np.arange(20.0) - 9.5
    assert np.isnan(runs((longer > 0).astype(float), longer)[0])  # separated
    assert np.isnan(runs((np.arange(20) % 2).astype(float), np.full(20, 3.0))[0])  # always as much longer
