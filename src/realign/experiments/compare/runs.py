"""A metric measured in every run of the grid strategies x budgets x seeds, ready for statistics.

A run is one training: a strategy, a budget and a seed. Every metric is brought into the same form, whatever it
is made of: its value in each run, and how far each prompt moves that value (its influence: the statistic's
directional derivative toward that prompt, Efron 1982, The Jackknife, chapter 6). To first order a metric is then
a mean over prompts, and one set of rules holds for an accuracy, a ratio of lengths and a fitted model.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """The arms that are compared, sorted; `strategies` begins with the baseline."""

    strategies: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Strategies, budgets, seeds: K, B, S."""
        return len(self.strategies), len(self.budgets), len(self.seeds)

    @property
    def baseline(self) -> str:
        """The strategy that the others are held against."""
        return self.strategies[0]


@dataclass(frozen=True, eq=False)
class Runs:
    """One metric in every run; itself, not its content, is compared.

    Attributes:
        value: the metric; NaN where a run does not give it. Shape (K, B, S).
        influence: what each prompt does to it: value of a reweighted sample is value + mean(weight * influence),
            with weights of mean 1. It sums to 0 over prompts; 0 for a prompt that the run does not hold.
            Shape (K, B, S, n).
        prompts: prompts that each arm rests on. Shape (K, B).
    """

    value: np.ndarray
    influence: np.ndarray
    prompts: np.ndarray


def ratio(above: np.ndarray, below: np.ndarray) -> Runs:
    """sum(above) / sum(below) over prompts, in every run; NaN where below is 0 throughout.

    A mean over pairs is the ratio of each prompt's sum and count. The influence of prompt i is
    (above_i - ratio * below_i) / mean(below). Both of shape (K, B, S, n).
    """
    total = below.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(total > 0, above.sum(-1) / total, np.nan)
        influence = (above - value[..., None] * below) / (total[..., None] / below.shape[-1])
    return Runs(value, np.nan_to_num(influence), (below.sum(2) > 0).sum(-1))
