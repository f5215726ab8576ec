"""A ridge head on differences of embeddings, or of other features, trained on labeled pairs.

    head = CrossFitted(vectors_a, vectors_b, target(p_a), prompt_ids)
    gap = head.gap(vectors_a, vectors_b, prompt_ids)   # how much better a is; above 0: a
    head.p_a(gap)                                      # the same as a probability

The model is linear in quality, q(y) = w'e(y), and sees pairs only, so that all of a prompt cancels:
q(a) - q(b) = w'(e_a - e_b). With a logistic link this is Bradley and Terry (1952) on features; ridge
on 2 p - 1 orders pairs as well, takes soft labels and ties as they are, and has an exact
leave-one-out error that chooses its penalty. It is the cheap difference model of RDO (2408.09385)
and the regression of ArmoRM (2406.12845) on frozen embeddings.

Cross-fitting (Chernozhukov et al. 2018): the prompts are dealt into folds by a hash of their id, one
head a fold is trained on all other folds, and a prompt that was labeled is only ever scored by the
head that did not see it. All other prompts are scored by the head that saw every label.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from realign.store import ids

ALPHAS = np.logspace(0, 6, 25)
FOLDS = 5
FEWEST = 10  # labeled pairs below which nothing is fitted: every gap is 0
_DECIMALS = 6  # the last bits of a sum depend on the machine; a pick must not


@dataclass(frozen=True)
class Head:
    """A linear quality, known up to a constant of the prompt.

    Attributes:
        weights: shape (d,).
        alpha: the ridge penalty that generalised best (leave-one-out); inf where nothing was learned.
        length: quality per unit of log length, where length is a covariate; else 0.
    """

    weights: np.ndarray
    alpha: float
    length: float = 0.0

    def gap(
        self, vectors_a: np.ndarray, vectors_b: np.ndarray, log_length_ratio: np.ndarray | None = None
    ) -> np.ndarray:
        """Predicted quality of a minus that of b, in the target's units. (n, d), (n, d), (n,) -> (n,)."""
        gap = vectors_a @ self.weights - vectors_b @ self.weights
        if log_length_ratio is not None:
            gap = gap + self.length * log_length_ratio
        return np.asarray(np.round(gap, _DECIMALS) + 0.0)


@dataclass(frozen=True)
class CrossFitted:
    """Heads of which none scores a prompt that it was trained on; each is trained when it is first needed.

    Attributes:
        vectors_a: of the labeled pairs. Shape (n, d).
        vectors_b: shape (n, d).
        target: from -1 to 1. Shape (n,).
        prompt_ids: the prompt of each. Shape (n,).
        log_length_ratio: as in `fit`. Shape (n,).
        covariate: as in `fit`.
        columns: as in `fit`.
        parts: number of folds.
    """

    vectors_a: np.ndarray
    vectors_b: np.ndarray
    target: np.ndarray
    prompt_ids: np.ndarray
    log_length_ratio: np.ndarray | None = None
    covariate: bool = False
    columns: Sequence[int] | None = None
    parts: int = FOLDS

    @cached_property
    def whole(self) -> Head:
        """Trained on every pair; for prompts without a label."""
        return self._trained(np.ones(len(self.target), dtype=bool))

    @cached_property
    def folds(self) -> tuple[Head, ...]:
        """Head number f was trained on all labeled prompts but those of fold f."""
        of = self._fold_of(self.prompt_ids)
        return tuple(self._trained(of != number) for number in range(self.parts))

    @cached_property
    def labeled(self) -> frozenset[str]:
        """Ids of the prompts with a label."""
        return frozenset(str(prompt) for prompt in self.prompt_ids)

    @cached_property
    def slope(self) -> float:
        """p_a = sigmoid(slope * gap), by maximum likelihood on out-of-fold gaps; at least 0."""
        gaps = self.gap(self.vectors_a, self.vectors_b, self.prompt_ids, self.log_length_ratio)
        return _slope(gaps, self.target)

    def quality(self, vectors: np.ndarray, prompt_ids: np.ndarray) -> np.ndarray:
        """Quality of responses by heads that did not see their prompts, comparable within a prompt only.

        Args:
            vectors: shape (n, d).
            prompt_ids: the prompt of each response. Shape (n,).

        Returns:
            Shape (n,), in the target's units.
        """
        values = vectors @ self.whole.weights
        for rows, head in self._unseen(prompt_ids):
            values[rows] = vectors[rows] @ head.weights
        return np.asarray(values)

    def lead(
        self, difference: np.ndarray, prompt_ids: np.ndarray, log_length_ratio: np.ndarray | None = None
    ) -> np.ndarray:
        """Predicted quality of a minus that of b: a difference of qualities, and what length adds to it.

        Args:
            difference: quality of a less that of b. Shape (n,).
            prompt_ids: the prompt of each pair. Shape (n,).
            log_length_ratio: ln(tokens of a / tokens of b), for heads with length as a covariate. Shape (n,).

        Returns:
            Shape (n,), in the target's units, 6 decimals.
        """
        lead = difference
        if self.covariate and log_length_ratio is not None:
            per_log_length = np.full(len(lead), self.whole.length)
            for rows, head in self._unseen(prompt_ids):
                per_log_length[rows] = head.length
            lead = lead + per_log_length * log_length_ratio
        return np.asarray(np.round(lead, _DECIMALS) + 0.0)

    def gap(
        self,
        vectors_a: np.ndarray,
        vectors_b: np.ndarray,
        prompt_ids: np.ndarray,
        log_length_ratio: np.ndarray | None = None,
    ) -> np.ndarray:
        """`lead` of pairs that are given by their vectors, of shape (n, d) each. Shape (n,)."""
        difference = self.quality(vectors_a, prompt_ids) - self.quality(vectors_b, prompt_ids)
        return self.lead(difference, prompt_ids, log_length_ratio)

    def p_a(self, gap: np.ndarray) -> np.ndarray:
        """Probability that a is better, by the predicted gap. (n,) -> (n,)."""
        from scipy.special import expit

        return np.asarray(expit(self.slope * gap))

    def _trained(self, rows: np.ndarray) -> Head:
        lengths = None if self.log_length_ratio is None else self.log_length_ratio[rows]
        pairs = (self.vectors_a[rows], self.vectors_b[rows], self.target[rows])
        return fit(*pairs, lengths, self.covariate, self.columns)

    def _unseen(self, prompt_ids: np.ndarray) -> Iterator[tuple[np.ndarray, Head]]:
        """For each fold with labeled prompts among these: which rows, and the head that did not see them."""
        known = np.array([str(prompt) in self.labeled for prompt in prompt_ids], dtype=bool)
        if known.any():
            of = np.where(known, self._fold_of(prompt_ids), -1)
            for number in np.unique(of[known]):
                yield of == number, self.folds[number]

    def _fold_of(self, prompt_ids: np.ndarray) -> np.ndarray:
        return np.array([fold(str(prompt), self.parts) for prompt in prompt_ids], dtype=int)


def target(p_a: np.ndarray) -> np.ndarray:
    """2 p - 1: from -1 (b is better) over 0 (a tie) to 1 (a is better). (n,) -> (n,)."""
    return np.asarray(2.0 * np.asarray(p_a, dtype=float) - 1.0)


def fold(prompt_id: str, folds: int = FOLDS) -> int:
    """The fold of a prompt, by a hash of its id alone."""
    return int(ids.uniform("fold", prompt_id) * folds)


def fit(
    vectors_a: np.ndarray,
    vectors_b: np.ndarray,
    target: np.ndarray,
    log_length_ratio: np.ndarray | None = None,
    covariate: bool = False,
    columns: Sequence[int] | None = None,
) -> Head:
    """Ridge regression of the target on e_a - e_b, without intercept: swapping a and b swaps the sign.

    Each dimension is scaled to unit mean square first; the returned weights apply to plain vectors. Where
    dimensions are of several kinds, each kind then brings as much variance as the widest one: fifteen counts
    are not drowned by hundreds of embedding dimensions.

    Args:
        vectors_a: shape (n, d).
        vectors_b: shape (n, d).
        target: from -1 to 1, see `target`. Shape (n,).
        log_length_ratio: ln(tokens of a / tokens of b); its least-squares effect is taken out of the
            target first, so that the head learns what length does not say. Shape (n,).
        covariate: length gets a coefficient of its own instead, without penalty, fitted together with the
            weights (by partialling it out of both sides, Frisch and Waugh 1933; Lovell 1963).
        columns: how many dimensions there are of each kind, in order; None for one kind. They add up to d.

    Returns:
        The head; one whose gaps are all 0 where there are fewer than 10 pairs or no difference.
    """
    from sklearn.linear_model import RidgeCV

    aim = target if log_length_ratio is None else without_length(target, log_length_ratio)
    difference = np.asarray(vectors_a, dtype=np.float64) - np.asarray(vectors_b, dtype=np.float64)
    if covariate and log_length_ratio is not None:
        difference = without_length(difference, log_length_ratio)
    scale = np.sqrt((difference**2).mean(0)) if len(difference) else np.zeros(difference.shape[1])
    alive = scale > 1e-12 * max(1.0, float(scale.max(initial=0.0)))
    if len(aim) < FEWEST or not alive.any() or not np.any(aim):
        return Head(np.zeros(difference.shape[1]), float("inf"))
    if columns is not None:
        scale = scale / np.sqrt(max(columns) / np.repeat(columns, columns))
    model = RidgeCV(alphas=ALPHAS, fit_intercept=False).fit(difference[:, alive] / scale[alive], aim)
    weights = np.zeros(difference.shape[1])
    weights[alive] = model.coef_ / scale[alive]
    if not (covariate and log_length_ratio is not None):
        return Head(weights, float(model.alpha_))
    left = target - (vectors_a - vectors_b) @ weights
    return Head(weights, float(model.alpha_), _slope_of(left, log_length_ratio))


def without_length(values: np.ndarray, log_length_ratio: np.ndarray) -> np.ndarray:
    """What is left of values after regression on the log length ratio, through the origin. (n,) or (n, d)."""
    return np.asarray(values - np.multiply.outer(log_length_ratio, _slope_of(values, log_length_ratio)))


def _slope_of(values: np.ndarray, log_length_ratio: np.ndarray) -> Any:
    power = float(log_length_ratio @ log_length_ratio)
    return (log_length_ratio @ values) / power if power else 0.0 * values.sum(0)


def _slope(gaps: np.ndarray, target: np.ndarray) -> float:
    """Maximum likelihood of sigmoid(slope * gap) for soft labels (Platt 1999, without intercept)."""
    from scipy.optimize import minimize_scalar

    p = (np.asarray(target) + 1) / 2
    if len(gaps) < FEWEST or not np.any(gaps):
        return 0.0

    def loss(slope: float) -> float:
        z = slope * gaps
        return float(np.mean(np.logaddexp(0, -z) * p + np.logaddexp(0, z) * (1 - p)))

    largest = 20.0 / float(np.abs(gaps).max())
    return round(float(minimize_scalar(loss, bounds=(0.0, largest), method="bounded").x), _DECIMALS)
