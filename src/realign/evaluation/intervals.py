"""Figures with their uncertainty: bootstrap over prompts or pairs, exact for counts and constant rates."""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

_DECIMALS = 6


@dataclass(frozen=True)
class Figure:
    """A figure with its interval.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end.
        n: prompts, pairs or votes that it rests on.
        method: how the interval was made.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    def as_json(self) -> dict[str, float | int | str]:
        """Plain content for a JSON artifact."""
        return asdict(self)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Attributes:
        resamples: bootstrap samples.
        confidence: e.g. 0.95.
        seed: of the bootstrap.
        unit: what is resampled, in the plural.
    """

    resamples: int
    confidence: float
    seed: int
    unit: str = "prompts"


def proportion(hits: int, n: int, confidence: float) -> Figure | None:
    """hits / n of independent trials with the exact binomial interval (Clopper and Pearson 1934); None for n 0."""
    if n == 0:
        return None
    exact = stats.binomtest(hits, n).proportion_ci(confidence)
    return Figure(_round(hits / n), _round(exact.low), _round(exact.high), n, "exact binomial")


def rate(values: np.ndarray, how: Resampling, units: np.ndarray | None = None) -> Figure | None:
    """The mean of values between 0 and 1, as `mean`, but exact where it is 0 or 1 (see `ratio`)."""
    return ratio(*_by_unit(values, units), how, is_rate=True)


def mean(values: np.ndarray, how: Resampling, units: np.ndarray | None = None) -> Figure | None:
    """The mean of all values, with a BCa bootstrap interval over units; None of fewer than two units.

    A unit's values are drawn together: pairs of one prompt are not independent of each other.

    Args:
        values: one a unit, or several with `units`. Shape (n,).
        how: resampling.
        units: which unit each value is of, where a unit has several. Shape (n,).
    """
    return ratio(*_by_unit(values, units), how)


def ratio(above: np.ndarray, below: np.ndarray, how: Resampling, is_rate: bool = False) -> Figure | None:
    """sum(above) / sum(below) with a BCa bootstrap interval over units; None of a single unit or with nothing below.

    A rate that is 0 or 1 in every unit has no spread to resample: its interval is the exact binomial one.

    Args:
        above: numerators, one a unit. Shape (n,).
        below: denominators, not negative. Shape (n,).
        how: resampling.
        is_rate: whether the ratio lies between 0 and 1.
    """
    if not below.any():
        return None
    if is_rate and (not above.any() or (above == below).all()):
        units = int((below > 0).sum())
        return proportion(units if above.any() else 0, units, how.confidence)
    if np.ptp(below) == 0:
        return bootstrap((above / below[0],), np.mean, how)

    def quotient(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(x.mean(axis) / y.mean(axis))

    return bootstrap((above, below), quotient, how)


def _by_unit(values: np.ndarray, units: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of each unit's values, in the order in which units come first."""
    place = np.arange(len(values)) if units is None else pd.factorize(units)[0]
    return np.bincount(place, values), np.bincount(place).astype(float)


def bootstrap(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., Any], how: Resampling
) -> Figure | None:
    """A statistic of columns that are resampled together, with a BCa interval; None of a single unit.

    Args:
        samples: columns of one value a unit. Shape (n,) each.
        statistic: of the columns, and `axis`: vectorised.
        how: resamples, confidence, seed.
    """
    if len(samples[0]) < 2:
        return None  # one unit says nothing of how units differ
    if all(np.ptp(sample) == 0 for sample in samples):
        value = _round(float(statistic(*samples, axis=-1)))
        return Figure(value, value, value, len(samples[0]), "constant")
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore")
        resampled = stats.bootstrap(
            samples,
            statistic,
            paired=len(samples) > 1,
            vectorized=True,
            n_resamples=how.resamples,
            batch=256,
            confidence_level=how.confidence,
            method="BCa",
            rng=np.random.default_rng(how.seed),
        )
    value = _round(float(statistic(*samples, axis=-1)))
    low, high = resampled.confidence_interval
    if np.isfinite([low, high]).all():
        return Figure(value, _round(low), _round(high), len(samples[0]), f"bootstrap BCa over {how.unit}")
    if np.ptp(resampled.bootstrap_distribution) == 0:
        return Figure(value, value, value, len(samples[0]), "constant")
    return None  # some resamples have no value, so the interval cannot be known


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
