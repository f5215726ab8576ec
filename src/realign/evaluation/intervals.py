"""Figures with their uncertainty: bootstrap over prompts, exact where a rate is 0 or 1."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

_DECIMALS = 6


@dataclass(frozen=True)
class Figure:
    """A figure with its interval.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end.
        n: prompts it rests on.
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
    """

    resamples: int
    confidence: float
    seed: int


def mean(values: np.ndarray, how: Resampling) -> Figure | None:
    """The mean of one value a prompt, with a BCa bootstrap interval; None without values.

    A rate that is 0 or 1 in every prompt has no spread to resample: its interval is the exact
    binomial one (Clopper and Pearson 1934).
    """
    if len(values) == 0:
        return None
    if np.ptp(values) > 0:
        return _bootstrap((values,), np.mean, how)
    value = float(values[0])
    if value in (0.0, 1.0):
        exact = stats.binomtest(int(value * len(values)), len(values)).proportion_ci(how.confidence)
        return Figure(value, _round(exact.low), _round(exact.high), len(values), "exact binomial")
    return Figure(_round(value), _round(value), _round(value), len(values), "constant")


def ratio_of_means(above: np.ndarray, below: np.ndarray, how: Resampling) -> Figure | None:
    """mean(above) / mean(below), paired by prompt; None without values or with a zero below."""
    if len(above) == 0 or not below.any():
        return None

    def ratio(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(x.mean(axis) / y.mean(axis))

    return _bootstrap((above, below), ratio, how)


def _bootstrap(samples: tuple[np.ndarray, ...], statistic: Callable[..., Any], how: Resampling) -> Figure:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            samples,
            statistic,
            paired=len(samples) > 1,
            vectorized=True,
            n_resamples=how.resamples,
            batch=256,
            confidence_level=how.confidence,
            method="BCa",
            rng=np.random.default_rng(how.seed),
        ).confidence_interval
    value = _round(float(statistic(*samples, axis=-1)))
    if not np.isfinite([found.low, found.high]).all():  # no resample differs from the others
        return Figure(value, value, value, len(samples[0]), "constant")
    return Figure(value, _round(found.low), _round(found.high), len(samples[0]), "bootstrap BCa over prompts")


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
