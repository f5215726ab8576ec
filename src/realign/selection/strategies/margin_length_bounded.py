"""margin_length_bounded: the surest labels, at a length difference like that of chance."""

import numpy as np

from realign.config.params import Positive
from realign.selection.candidates import Candidates

NEEDS = ("labels",)
_HALVINGS = 50


def margin_length_bounded(pool: Candidates, *, bound: Positive) -> np.ndarray:
    """-(|p - 1/2| - m |ln(n_i / n_j)|), with the smallest m >= 0 that keeps the bound. Shape (P,).

    p = sigmoid(s (w'(x_i - x_j) + b ln(n_i / n_j))) is the calibrated probability that i wins, x as in margin:
    1/2 - |p - 1/2| is the expected label error of a pair, and its sum is what this strategy makes small. Length
    is a covariate of its own: what it says is not left to x to express (models.reward_head).

    The bound: over one pick a prompt, the mean |ln(n_i / n_j)| is at most bound times that
    of all candidate pairs with equal weight for every prompt, which is what a random pick has on average.
    Of all ways to take one pair a prompt within the bound it takes the one with the smallest expected
    label error, up to the last prompt: m is the Lagrange multiplier of that problem, by bisection. No
    label is needed for the bound, so it holds on any data. A budget that takes the clearest prompts only
    may go a little beyond it.
    """
    sure, apart = np.abs(pool.p_first - 0.5), np.abs(pool.log_length_ratio)
    chance = float((np.bincount(pool.prompt, apart) / np.bincount(pool.prompt)).mean())
    goal = bound * chance
    starts = np.searchsorted(pool.prompt, np.arange(len(pool.prompt_ids)))

    def mean_apart(m: float) -> float:
        value = np.round(sure - m * apart, 9)
        at = np.flatnonzero(value == np.maximum.reduceat(value, starts)[pool.prompt])
        return float(apart[at[np.unique(pool.prompt[at], return_index=True)[1]]].mean())

    low, high = 0.0, _enough(sure, apart)
    if mean_apart(low) <= goal:
        return np.asarray(-sure)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if mean_apart(middle) <= goal else (middle, high)
    return np.asarray(-np.round(sure - high * apart, 9))


def _enough(sure: np.ndarray, apart: np.ndarray) -> float:
    """A multiplier at which length decides alone."""
    steps = np.diff(np.unique(apart))
    return float(2 * sure.max() / steps.min()) if len(steps) else 0.0
