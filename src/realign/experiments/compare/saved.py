"""Labels saved: how many labels a strategy needs for the score that the baseline reaches with so many.

    saved(b) = 1 - labels_needed(strategy to reach s) / labels_needed(baseline to reach s),  s = baseline's score at b

Scores are a monotone function of the logarithm of the budget: isotonic regression with every flat stretch drawn
together at its centre (centred isotonic regression, Oron and Flournoy 2017, which inverts with less bias than
steps do), straight in between. Beyond the budgets that were tried nothing is assumed: a score above a
strategy's last is not reached, one below its first needs at most the smallest budget.

The interval repeats both draws that a comparison rests on: prompts by a bootstrap that all curves share, and
training noise by adding to each curve a random combination of how its runs differed between seeds, enlarged to
Student's t because few seeds hardly tell their variance. A curve that does not reach the score in a repetition
leaves that end of the interval open.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from realign.evaluation.intervals import Resampling
from realign.experiments.compare.runs import Grid, Runs
from realign.experiments.compare.variance import noise

_DECIMALS = 6


@dataclass(frozen=True)
class Curve:
    """A monotone score by ln(labels); strictly rising between its points, constant beyond them."""

    labels: np.ndarray
    scores: np.ndarray
    smallest: float
    largest: float

    def at(self, labels: float) -> float:
        """The score with so many labels."""
        return float(np.interp(np.log(labels), self.labels, self.scores))

    def needed(self, score: float) -> tuple[float, float]:
        """Least and most labels that reach the score: equal where the curve tells, (0, smallest) below, inf above."""
        if score <= self.scores[0]:
            return 0.0, self.smallest
        if score > self.scores[-1]:
            return self.largest, np.inf
        exact = float(np.exp(np.interp(score, self.scores, self.labels)))
        return exact, exact


def curve(budgets: np.ndarray, scores: np.ndarray) -> Curve:
    """Centred isotonic regression of scores on ln(budgets). Shapes (B,), (B,)."""
    fit = optimize.isotonic_regression(scores)
    blocks = list(zip(fit.blocks[:-1], fit.blocks[1:], strict=True))
    centres = np.array([np.log(budgets[start:end]).mean() for start, end in blocks])
    return Curve(centres, fit.x[fit.blocks[:-1]], float(budgets[0]), float(budgets[-1]))


def saved(runs: Runs, grid: Grid, how: Resampling) -> dict[str, list[dict[str, Any]]]:
    """Per strategy, a row for every baseline budget but the smallest; empty where a run lacks the metric.

    A row: `labels` the baseline buys, its `score` there, `reached` (yes; below: with less than the smallest budget;
    no), `needed` by the strategy (null unless reached is yes), `saved` and its interval `low`, `high`; an end that
    cannot be known is null, and so is `saved` where the score is not reached. Where reached is below, `saved`
    is the least that it can be.
    """
    if len(grid.budgets) < 2 or np.isnan(runs.value).any():
        return {}
    budgets = np.array(grid.budgets, dtype=float)
    needs = [_needs(scores, budgets) for scores in (runs.value.mean(2), *draws(runs, how))]
    tail = 100 * (1 - how.confidence) / 2
    rows: dict[str, list[dict[str, Any]]] = {}
    for k, name in enumerate(grid.strategies[1:], start=1):
        rows[name] = []
        for b in range(1, len(budgets)):
            least, most, by_baseline, score = (np.array([one[i][k, b] for one in needs]) for i in range(4))
            worst, best = 1 - most / by_baseline, 1 - least / by_baseline
            low = np.percentile(worst[1:], tail, method="lower")
            high = np.percentile(best[1:], 100 - tail, method="higher")
            reached = "no" if np.isinf(most[0]) else "yes" if least[0] == most[0] else "below"
            rows[name].append(
                {
                    "labels": grid.budgets[b],
                    "score": round(float(score[0]), _DECIMALS),
                    "reached": reached,
                    "needed": round(float(most[0]), 1) if reached == "yes" else None,
                    "saved": _number(worst[0]),
                    "low": _number(low),
                    "high": _number(high),
                }
            )
    return rows


def draws(runs: Runs, how: Resampling) -> np.ndarray:
    """Mean scores as they might have come out with other prompts and seeds. Shape (resamples, K, B)."""
    strategies, _, seeds, prompts = runs.influence.shape
    rng = np.random.default_rng(how.seed)
    weights = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=how.resamples) / prompts
    scores = runs.value.mean(2) + np.einsum("rn,kbn->rkb", weights, runs.influence.mean(2))
    if seeds < 2:
        return np.asarray(scores)
    for of in (slice(0, 1), slice(1, None)):
        apart, freedom = _noise(runs, of)
        for k in range(strategies)[of]:
            mix = rng.standard_normal((how.resamples, len(apart)))
            enlarged = np.sqrt(freedom / rng.chisquare(freedom, size=(how.resamples, 1)))
            scores[:, k] += enlarged * (mix @ apart) / np.sqrt(seeds)
    return np.asarray(scores)


def _noise(runs: Runs, of: slice) -> tuple[np.ndarray, float]:
    """Rows whose sum of squares is the covariance over budgets of one run's noise, and its degrees of freedom.

    The rows are how runs of some strategies differ from their arm's mean, which keeps what a seed does at all
    budgets together, at each budget scaled to the variance of realign.experiments.compare.variance. Shape (K S, B).
    """
    value = runs.value[of]
    apart = (value - value.mean(2, keepdims=True)).transpose(0, 2, 1).reshape(-1, value.shape[1])
    squares = (apart**2).sum(0)
    parts = [part for b in range(value.shape[1]) if (part := noise(runs, of.start, b))]
    wanted = np.array([part.excess for part in parts])
    scale = np.sqrt(np.divide(wanted, squares, out=np.zeros_like(squares), where=squares > 0))
    return apart * scale, parts[0].parts[0][1]


def _needs(scores: np.ndarray, budgets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Least, most labels of each strategy for the baseline's score at each budget, the baseline's, the score."""
    curves = [curve(budgets, row) for row in scores]
    levels = [curves[0].at(b) for b in budgets]
    needed = np.array([[c.needed(level) for level in levels] for c in curves])
    shape = scores.shape
    return (
        needed[..., 0], needed[..., 1],
        np.broadcast_to(needed[0, :, 1], shape), np.broadcast_to(levels, shape),
    )  # fmt: skip


def _number(value: float) -> float | None:
    return round(float(value), _DECIMALS) if np.isfinite(value) else None
