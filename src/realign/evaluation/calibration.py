"""Calibration: whether a labeler's probabilities are what they say, before and after temperature scaling.

Guo et al. 2017, On Calibration of Modern Neural Networks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize, special

from realign.evaluation.intervals import proportion
from realign.store import ids

BINS = 10
FEWEST = 50  # pairs below which the error is mostly chance, and after scaling even more so
_SMALL = 1e-6  # a probability of 0 or 1 that is wrong once would cost an infinite loss
_TEMPERATURES = (0.02, 100.0)
_DECIMALS = 6


def calibration(
    p: np.ndarray, right: np.ndarray, pair_ids: Sequence[str], confidence: float
) -> dict[str, Any] | None:
    """Expected calibration error and log loss, before and after temperature scaling; None of fewer than FEWEST pairs.

    `ece_scaled` and `log_loss_scaled` are honest: each half of the pairs, by a hash, is scaled by the
    temperature of the other half. They are null with fewer than two halves. `temperature` is fitted on
    all pairs, for use on others; above 1 the labeler is too sure of itself.

    Args:
        p: the labeler's probability of the side it named. Shape (n,).
        right: whether it was right. Shape (n,) bool.
        pair_ids: for the halves.
        confidence: of the curve's exact binomial intervals.
    """
    if len(p) < FEWEST:
        return None
    scaled = _cross_fitted(p, right, pair_ids)
    return {
        "n": len(p),
        "ece": _round(ece(p, right)),
        "ece_scaled": None if scaled is None else _round(ece(scaled, right)),
        "log_loss": _round(log_loss(p, right)),
        "log_loss_scaled": None if scaled is None else _round(log_loss(scaled, right)),
        "temperature": _round(temperature(p, right)),
        "curve": curve(p, right, confidence),
    }


def ece(p: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean over pairs of |accuracy - mean p| of the pair's bin; uniform bins of [0, 1]."""
    place = bins_of(p, bins)
    gaps = np.bincount(place, weights=right - p, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


def log_loss(p: np.ndarray, right: np.ndarray) -> float:
    """Mean of -ln of the probability of what came true, nats; p is kept 1e-6 off 0 and 1."""
    p = np.clip(p, _SMALL, 1 - _SMALL)
    return float(-np.mean(np.where(right, np.log(p), np.log1p(-p))))


def temperature(p: np.ndarray, right: np.ndarray) -> float:
    """The T between 0.02 and 100 for which sigmoid(logit(p) / T) has the least log loss."""
    low, high = np.log(_TEMPERATURES)
    best = optimize.minimize_scalar(
        lambda t: log_loss(scale(p, float(np.exp(t))), right), bounds=(low, high), method="bounded"
    )
    return float(np.exp(best.x))


def scale(p: np.ndarray, by: float) -> np.ndarray:
    """sigmoid(logit(p) / by); p is kept 1e-6 off 0 and 1."""
    return np.asarray(special.expit(special.logit(np.clip(p, _SMALL, 1 - _SMALL)) / by))


def curve(p: np.ndarray, right: np.ndarray, confidence: float, bins: int = BINS) -> list[dict[str, Any]]:
    """A row a bin that holds pairs: its ends, mean p, and the accuracy with its exact interval."""
    place = bins_of(p, bins)
    rows = []
    for number in np.unique(place):
        here = place == number
        share = proportion(int(right[here].sum()), int(here.sum()), confidence)
        ends = {"from": _round(number / bins), "to": _round((number + 1) / bins)}
        rows.append({**ends, "p": _round(p[here].mean()), "accuracy": share and share.as_json()})
    return rows


def _cross_fitted(p: np.ndarray, right: np.ndarray, pair_ids: Sequence[str]) -> np.ndarray | None:
    half = np.array([ids.uniform("calibration", str(pair)) < 0.5 for pair in pair_ids])
    if half.all() or not half.any():
        return None
    scaled = np.empty(len(p))
    for mine in (half, ~half):
        scaled[mine] = scale(p[mine], temperature(p[~mine], right[~mine]))
    return scaled


def bins_of(p: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each probability, its upper edge included, as scikit-learn's calibration_curve has it."""
    return np.asarray(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p))


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
