"""margin_length_bounded: the largest predicted quality gaps that cost no length bias beyond chance's."""

from __future__ import annotations

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("labels",)
_HALVINGS = 50
_SMALLEST = 4  # the bound also holds for the best quarter of the prompts and all parts above it


def margin_length_bounded(pool: Candidates) -> np.ndarray:
    """-(|w'(e_i - e_j)| - m |ln(n_i / n_j)|), with the smallest m that keeps the bound. Shape (P,).

    The bound: the mean |ln(n_i / n_j)| of the picks is at most that of all candidate pairs with equal
    weight for every prompt, which is what a random pick has on average. So of all ways to take one pair
    a prompt without more length difference than chance, it takes the one with the largest total gap:
    m is the Lagrange multiplier of that problem, found by bisection. No label is needed for the bound,
    so it holds on any data; it holds for every budget from a quarter of the prompts upwards.
    """
    gap, apart = np.abs(pool.gap), np.abs(pool.log_length_ratio)
    goal = float((np.bincount(pool.prompt, apart) / np.bincount(pool.prompt)).mean())
    starts = np.searchsorted(pool.prompt, np.arange(len(pool.prompt_ids)))

    def longest(m: float) -> float:
        value = gap - m * apart
        best = np.maximum.reduceat(value, starts)
        at = np.flatnonzero(value == best[pool.prompt])
        picks = at[np.unique(pool.prompt[at], return_index=True)[1]]
        ranked = apart[picks[np.lexsort((picks, -value[picks]))]]
        means = ranked.cumsum() / np.arange(1, len(ranked) + 1)
        return float(means[len(means) // _SMALLEST :].max())

    low, high = 0.0, _enough(gap, apart)
    if longest(low) <= goal:
        return np.asarray(-gap)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if longest(middle) <= goal else (middle, high)
    return np.asarray(-np.round(gap - high * apart, 9))


def _enough(gap: np.ndarray, apart: np.ndarray) -> float:
    """A multiplier at which length decides alone."""
    steps = np.diff(np.unique(apart))
    return float(2 * gap.max() / steps.min()) if len(steps) else 0.0
