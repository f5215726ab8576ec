"""How sure a figure is when both prompts and seeds are drawn: variance components, and Student's t.

Runs of one strategy and budget differ by the seed, answers differ by the prompt, and the two cross: every run is
measured on the same prompts. The variance of a mean over S seeds and n prompts is estimated as

    var(prompt means) / n  +  max(0, var(run means) - var(residual) / n) / S

(two-way random effects; Searle, Casella and McCulloch 1992, Variance Components, chapter 4), with Student's
quantile for the degrees of freedom of Satterthwaite 1946. Three runs hardly tell their variance, so it is pooled
at each budget: for a figure of one arm over all strategies; for a difference from the baseline over the others,
the baseline's own beside it, because a baseline that draws its picks anew with every seed may vary more than they.
For differences a third of it is taken from the mean over all budgets: runs with few labels may vary more than
runs with many, so not all of it; without it one conclusion in twelve was false where the baseline varies more.
Differences are paired by prompt, not by seed: what a seed did to all strategies alike would only make them too wide.
A normal or a bootstrap interval over three seeds would be far too narrow. `bench/comparison_coverage.py` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from realign.experiments.compare.runs import Runs

# How much of a variance is taken from all budgets: with 1/4 to 1/2 hardly more conclusions are false than should be.
_SHARED = 1 / 3


@dataclass(frozen=True)
class Noise:
    """What the seed does to one run's value, as a variance.

    Attributes:
        total: between runs, all told.
        sampling: the part of it that comes from the sampled prompts.
        parts: independent variances that make up `total`, each with its degrees of freedom.
    """

    total: float
    sampling: float
    parts: tuple[tuple[float, float], ...]

    @property
    def excess(self) -> float:
        """What the sampled prompts do not explain; at least 0."""
        return max(0.0, self.total - self.sampling)

    def __add__(self, other: Noise) -> Noise:
        return Noise(self.total + other.total, self.sampling + other.sampling, self.parts + other.parts)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and prompts with its standard error and degrees of freedom."""

    value: float
    error: float
    freedom: float

    def half_width(self, confidence: float) -> float:
        """Half of the interval's width, in the metric's unit."""
        return float(stats.t.ppf((1 + confidence) / 2, self.freedom) * self.error)

    def p_value(self) -> float:
        """Two-sided p of "the truth is 0"."""
        if self.error == 0:
            return float(self.value == 0)
        return float(2 * stats.t.sf(abs(self.value) / self.error, self.freedom))


def arm(runs: Runs, strategy: int, budget: int) -> Estimate | None:
    """One arm's mean over its seeds; None where a run does not give the metric, or rests on a single prompt."""
    return _estimate(
        runs.value[strategy, budget],
        runs.influence[strategy, budget],
        int(runs.prompts[strategy, budget]),
        _pooled(runs, budget),
    )


def difference(runs: Runs, strategy: int, other: int, budget: int) -> Estimate | None:
    """Strategy less another at the same budget, paired by prompt; None as for `arm`."""
    return _estimate(
        runs.value[strategy, budget] - runs.value[other, budget],
        runs.influence[strategy, budget] - runs.influence[other, budget],
        int(runs.prompts[[strategy, other], budget].min()),
        _sum(noise(runs, strategy, budget), noise(runs, other, budget)),
    )


def noise(runs: Runs, strategy: int, budget: int) -> Noise | None:
    """Of the baseline (strategy 0) by its own runs, of another pooled over the others; None with one seed.

    A mix (1 - w) v + w mean(v) of independent variances over B budgets, each with f degrees of freedom, has
    f / ((1 - w)^2 + (2 w (1 - w) + w^2) / B) of them.
    """
    return _by_budget(runs, strategy == 0)[budget]


@lru_cache(maxsize=2)  # the same two answers for every difference of a metric
def _by_budget(runs: Runs, baseline: bool) -> list[Noise | None]:
    of = slice(0, 1) if baseline else slice(1, None)
    between = [_between(runs.value[of, b], runs.influence[of, b]) for b in range(runs.value.shape[1])]
    known = [one for one in between if one]
    if not known:
        return [None] * len(between)
    everywhere = np.mean([one[:2] for one in known], axis=0)
    shrink = (1 - _SHARED) ** 2 + (1 - (1 - _SHARED) ** 2) / len(known)

    def mix(one: tuple[float, float, int]) -> Noise:
        total, sampling = (1 - _SHARED) * np.array(one[:2]) + _SHARED * everywhere
        freedom = one[2] * (runs.value.shape[2] - 1) / shrink
        return Noise(float(total), float(sampling), ((float(total), freedom),))

    return [mix(one) if one else None for one in between]


def _pooled(runs: Runs, budget: int) -> Noise | None:
    """Over all strategies, allowing for a seed that does the same to all of them."""
    between = _between(runs.value[:, budget], runs.influence[:, budget])
    if between is None:
        return None
    total, sampling, strategies = between
    known = ~np.isnan(runs.value[:, budget]).any(-1)
    alike = float(runs.value[known, budget].mean(0).var(ddof=1))
    seeds = runs.value.shape[2] - 1.0
    own = ((total - alike, (strategies - 1) * seeds),) if strategies > 1 else ()
    return Noise(total, sampling, ((alike, seeds), *own))


def _between(value: np.ndarray, influence: np.ndarray) -> tuple[float, float, int] | None:
    """Variance between runs, the part due to prompts, and the strategies that give one. Shapes (K, S), (K, S, n)."""
    known = ~np.isnan(value).any(-1)
    value, influence = value[known], influence[known]
    strategies, seeds, prompts = influence.shape
    if seeds < 2 or prompts < 2 or strategies == 0:
        return None
    residual = influence - influence.mean(1, keepdims=True)
    sampling = (residual**2).sum() / strategies / (seeds - 1) / prompts / (prompts - 1)
    return float(value.var(axis=1, ddof=1).mean()), float(sampling), strategies


def _estimate(value: np.ndarray, influence: np.ndarray, held: int, seed: Noise | None) -> Estimate | None:
    """The mean over seeds. Shapes (S,), (S, n)."""
    if held < 2 or np.isnan(value).any():
        return None
    seeds, prompts = influence.shape
    variance = float((influence.mean(0) ** 2).sum() / prompts / (prompts - 1))
    parts = [(variance, held - 1.0)]
    if seed:
        variance += seed.excess / seeds
        parts += [(part / seeds, freedom) for part, freedom in seed.parts]
    return Estimate(float(value.mean()), float(np.sqrt(variance)), _freedom(variance, parts))


def _freedom(total: float, parts: list[tuple[float, float]]) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances, each with its own; at least the smallest."""
    spread = sum(part**2 / freedom for part, freedom in parts)
    smallest = min(freedom for _, freedom in parts)
    return max(smallest, total**2 / spread) if spread > 0 else smallest


def _sum(one: Noise | None, other: Noise | None) -> Noise | None:
    return one + other if one and other else None
