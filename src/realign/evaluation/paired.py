"""Paired comparisons: two ratios over the same prompts, whether they differ, and many such questions at once."""

from collections.abc import Sequence

import numpy as np

from realign.evaluation.figures import Terms
from realign.evaluation.intervals import Figure, Resampling, bootstrap

_FLIPS = 4999
_LEAST = 0.001


def difference(one: Terms, other: Terms, how: Resampling) -> Figure | None:
    """A figure less another over the same units, which are resampled together; BCa interval.

    None where a denominator is zero throughout. Rows are units.
    """
    if not (one.below.any() and other.below.any()):
        return None

    def apart(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(a.mean(axis) / b.mean(axis) - c.mean(axis) / d.mean(axis))

    return bootstrap((one.above, one.below, other.above, other.below), apart, how)


def equal(one: Terms, other: Terms, seed: int) -> float:
    """Two-sided p of "both figures are the same", by flipping signs of the units' contributions.

    A unit contributes u = (a - r b) / B - (c - r d) / D with r the pooled ratio, B and D the sums of the
    denominators, so that sum(u) is the difference of the ratios. Under the null the u are centered, and
    the distribution of the sum under random signs is their randomization distribution (Fisher 1935; for
    ratios: the score form of the linearized difference). 1 where a denominator is zero throughout.
    """
    from scipy import stats

    total, other_total = one.below.sum(), other.below.sum()
    if not (total and other_total):
        return 1.0
    pooled = (one.above.sum() + other.above.sum()) / (total + other_total)
    unit = (one.above - pooled * one.below) / total - (other.above - pooled * other.below) / other_total
    unit = unit[unit != 0]
    if len(unit) == 0:
        return 1.0
    test = stats.permutation_test(
        (unit,),
        lambda x, axis: x.sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_FLIPS,
        batch=500,
        rng=np.random.default_rng(seed),
    )
    return float(round(test.pvalue, 6))


def p_words(p: float, equal: str = "") -> str:
    """A p-value to three decimals after the sign `equal`; one that would read as 0.000 is said to be below 0.001."""
    return f"< {_LEAST:g}" if p < _LEAST else f"{equal}{p:.3f}"


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for asking so many questions at once (Holm 1979): a family-wise error rate."""
    from statsmodels.stats.multitest import multipletests

    return [round(float(p), 6) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def rank_correlation(x: np.ndarray, y: np.ndarray, how: Resampling) -> Figure | None:
    """Spearman's rho of two columns, one row a unit, with a BCa interval; None where one is constant."""
    from scipy import stats

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    # Ranks say as much, and small integers sort ten times as fast.
    x, y = (stats.rankdata(v, method="dense").astype(np.min_scalar_type(len(x))) for v in (x, y))

    def rho(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        a, b = (stats.rankdata(v, axis=axis) for v in (a, b))
        a, b = (v - v.mean(axis, keepdims=True) for v in (a, b))
        return np.asarray((a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis)))

    return bootstrap((x, y), rho, how)
