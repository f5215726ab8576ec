"""The one table of figures: what each is, and what each row of a table adds to its numerator and denominator.

A figure is sum(above) / sum(below) over rows. Every figure is one function below; it applies to any table that has
the columns it reads, so a new one shows up in a run, in `realign compare` and in `realign replay` at once:

    @figure("ties", "share of labels that decide nothing", reads=("winner",), scale="rate", better="lower")
    def ties(rows): ...

Two ways lead from terms to an interval, both with prompts as the units that are sampled: the bootstrap
(`interval`), and where a figure is measured in several runs, variance components over prompts and seeds
(realign.experiments.compare.variance).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from realign.evaluation.intervals import Figure, Resampling, ratio
from realign.store.labels import SIDES, TIES

Json = dict[str, Any]
Ratio = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Terms:
    """What each row adds to a figure's numerator and denominator; 0 and 0 where it does not count.

    Attributes:
        above: shape (n,).
        below: shape (n,).
        scale: as in `Definition`.
    """

    above: np.ndarray
    below: np.ndarray
    scale: str = "plain"

    def __getitem__(self, rows: np.ndarray) -> Terms:
        """Those of some rows, given by a mask or by their indices."""
        return Terms(self.above[rows], self.below[rows], self.scale)

    def where(self, counts: np.ndarray) -> Terms:
        """With 0 and 0 in the rows that do not count. Shape (n,) bool."""
        return Terms(self.above * counts, self.below * counts, self.scale)

    def __add__(self, other: Terms) -> Terms:
        """What both add, row by row."""
        return Terms(self.above + other.above, self.below + other.below, self.scale)

    def by_prompt(self, prompts: np.ndarray, size: int, weights: np.ndarray | float = 1.0) -> Terms:
        """Summed by prompt, given as a number below `size` for each row. Shape (size,)."""
        above, below = (
            np.bincount(prompts, part * weights, minlength=size) for part in (self.above, self.below)
        )
        return Terms(above, below, self.scale)

    @property
    def value(self) -> float:
        """The figure; NaN where nothing counts."""
        total = self.below.sum()
        return float(self.above.sum() / total) if total else float("nan")

    def interval(self, how: Resampling) -> Figure | None:
        """The figure with its bootstrap interval over rows, which are prompts; None where nothing counts."""
        return ratio(self.above, self.below, how, is_rate=self.scale == "rate")


@dataclass(frozen=True)
class Definition:
    """One figure.

    Attributes:
        title: its name for a person.
        meaning: what it is, in a line.
        reads: columns without which a table does not give it.
        scale: rate (between 0 and 1), positive, or plain: bounds that its interval keeps to.
        better: higher, lower, or neither.
        ratio: from rows to numerators and denominators; None where a figure is fitted to a whole run.
    """

    title: str
    meaning: str
    reads: tuple[str, ...]
    scale: str
    better: str
    ratio: Callable[[pd.DataFrame], Ratio] | None = None


FIGURES: dict[str, Definition] = {}


def figure(
    title: str, meaning: str, *, reads: tuple[str, ...], scale: str = "plain", better: str = ""
) -> Callable[[Callable[[pd.DataFrame], Ratio]], Callable[[pd.DataFrame], Ratio]]:
    """Enter a function in FIGURES, under its own name. Arguments as in `Definition`."""

    def enter(function: Callable[[pd.DataFrame], Ratio]) -> Callable[[pd.DataFrame], Ratio]:
        FIGURES[function.__name__] = Definition(title, meaning, reads, scale, better, function)
        return function

    return enter


def _column(
    name: str, title: str, meaning: str, *, reads: tuple[str, ...], scale: str = "plain", better: str = ""
) -> None:
    """Enter the mean of the first column that is read, over the rows that have it."""
    FIGURES[name] = Definition(title, meaning, reads, scale, better, lambda rows: _mean(rows[reads[0]]))


def terms(rows: pd.DataFrame) -> dict[str, Terms]:
    """The terms of every figure whose columns these rows have."""
    return {
        name: Terms(*definition.ratio(rows), definition.scale)
        for name, definition in FIGURES.items()
        if definition.ratio and set(definition.reads) <= set(rows.columns)
    }


def interval(of: Terms, prompts: np.ndarray, how: Resampling) -> Figure | None:
    """A figure with its bootstrap interval over the prompts that count; None without two of them.

    Args:
        of: the figure's terms.
        prompts: the prompt of each row. Shape (n,).
        how: of the interval.
    """
    counted = (of.above != 0) | (of.below != 0)
    place, names = pd.factorize(prompts[counted])
    return of[counted].by_prompt(place, len(names)).interval(how)


def with_intervals(rows: pd.DataFrame, how: Resampling) -> Json:
    """Every figure that these rows give, as plain JSON content; null where it cannot be known.

    Args:
        rows: column prompt_id, and those that figures read.
        how: of the intervals.
    """
    return as_json(
        {name: interval(part, rows["prompt_id"].to_numpy(), how) for name, part in terms(rows).items()}
    )


def by_similarity(
    of: Mapping[str, Terms], similarity: np.ndarray, prompts: np.ndarray, bins: int, how: Resampling
) -> list[Json]:
    """REAL's claim on this data: figures of pairs in bins of equal number, least alike first.

    A row a bin: low, high (cosines), pairs, and the figures. Empty where no label can be checked.

    Args:
        of: terms by name, label_error among them.
        similarity: cosine of each pair. Shape (n,).
        prompts: the prompt of each pair. Shape (n,).
        bins: how many; fewer where many pairs have one similarity.
        how: of the intervals.
    """
    if not of["label_error"].below.any():
        return []
    edges = np.unique(np.quantile(similarity, np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, similarity, side="right") - 1, 0, max(0, len(edges) - 2))
    rows = []
    for number in np.unique(place):
        here = place == number
        ends = {"low": edges[number], "high": edges[min(number + 1, len(edges) - 1)]}
        figures = {name: interval(part[here], prompts[here], how) for name, part in of.items()}
        rows.append(
            {name: round(float(end), 5) for name, end in ends.items()}
            | {"pairs": int(here.sum())}
            | as_json(figures)
        )
    return rows


def as_json(figures: Mapping[str, Figure | None]) -> Json:
    """Figures by name as plain JSON content, null where there is none."""
    return {name: value.as_json() if value else None for name, value in figures.items()}


def decided(winner: Iterable[Any]) -> np.ndarray:
    """Which labels name a side. Shape (n,) bool."""
    return np.isin(np.asarray(winner, dtype=object), SIDES)


def _mean(values: pd.Series[Any] | np.ndarray, counted: np.ndarray | None = None) -> Ratio:
    """The mean of values where they count; by default where they are not NaN."""
    values = np.asarray(values, dtype=float)
    counted = ~np.isnan(values) if counted is None else counted
    return np.where(counted, values, 0.0), counted.astype(float)


# Labels of picked pairs


@figure(
    "label error", "share of labels that contradict the gold label, where neither is a tie",
    reads=("winner", "gold"), scale="rate", better="lower",
)  # fmt: skip
def label_error(rows: pd.DataFrame) -> Ratio:
    return _mean(rows["winner"] != rows["gold"], decided(rows["winner"]) & decided(rows["gold"]))


@figure(
    "expected label error", "chance that a simulated annotator's label is wrong, where scores differ",
    reads=("winner", "p_winner"), scale="rate", better="lower",
)  # fmt: skip
def expected_error(rows: pd.DataFrame) -> Ratio:
    return _mean(1.0 - rows["p_winner"], decided(rows["winner"]))


_column("score_gap", "score gap", "mean difference of the two scores", reads=("score_gap",), scale="positive")


@figure(
    "ties", "share of labels that decide nothing: a tie, or both bad", reads=("winner",), scale="rate", better="lower"
)  # fmt: skip
def ties(rows: pd.DataFrame) -> Ratio:
    return _mean(np.isin(rows["winner"].to_numpy(dtype=object), TIES))


@figure(
    "longer one wins", "share of decided labels that go to the longer response; equally long: half",
    reads=("winner", "log_length_ratio"), scale="rate",
)  # fmt: skip
def longer_wins(rows: pd.DataFrame) -> Ratio:
    toward = np.where(rows["winner"] == "a", 1, -1) * np.sign(rows["log_length_ratio"])
    return _mean((toward + 1) / 2, decided(rows["winner"]))


@figure(
    "|ln length ratio|", "mean |ln(tokens a / tokens b)|", reads=("log_length_ratio",), scale="positive",
    better="lower",
)  # fmt: skip
def abs_log_length_ratio(rows: pd.DataFrame) -> Ratio:
    return _mean(rows["log_length_ratio"].abs())


_column("similarity", "similarity", "mean cosine of the two responses", reads=("similarity",))
_column(
    "gold_gap", "gold gap", "mean quality gap by gold, ties included", reads=("gold_gap",), scale="positive"
)

# Held-out prompts, answered by a policy and by its base

_column(
    "win_rate", "win rate",
    "share of held-out prompts on which the policy's answer is better than its base's; equal: half",
    reads=("win",), scale="rate", better="higher",
)  # fmt: skip


# `sample` is there in tables of single answers only: a mean over samples is hardly ever exactly 1/2.
@figure("win ties", "share of answers that the scorer calls equal", reads=("win", "sample"), scale="rate")
def win_ties(rows: pd.DataFrame) -> Ratio:
    return _mean(rows["win"] == 0.5)


# Held-out pairs with a better and a worse response

_column(
    "pair_accuracy", "pair accuracy",
    "share of held-out pairs whose better side has the higher implicit reward",
    reads=("correct",), scale="rate", better="higher",
)  # fmt: skip
_column(
    "reward_margin", "reward margin",
    "β · (log-ratio of better - log-ratio of worse), TRL's rewards/margins",
    reads=("margin",), better="higher",
)  # fmt: skip
_column("log_ratio_gap", "log-ratio gap", "the same without β, in nats", reads=("gap",), better="higher")

# The policy's own answers

_column(
    "kl_nats_per_response", "KL", "of the policy from the base on the policy's own answers, nats",
    reads=("kl",),
)  # fmt: skip


@figure("KL per token", "the same per token", reads=("kl", "policy_tokens"))
def kl_nats_per_token(rows: pd.DataFrame) -> Ratio:
    return rows["kl"].to_numpy(dtype=float), rows["policy_tokens"].to_numpy(dtype=float)


@figure(
    "length of answers", "policy's tokens / base's tokens", reads=("policy_tokens", "base_tokens"), scale="positive"
)  # fmt: skip
def length_ratio(rows: pd.DataFrame) -> Ratio:
    return rows["policy_tokens"].to_numpy(dtype=float), rows["base_tokens"].to_numpy(dtype=float)


_column(
    "quality_base", "quality of the base", "mean quality of the base's answers, in the scorer's units",
    reads=("base_quality",),
)  # fmt: skip
_column(
    "quality_policy", "quality of the policy", "mean quality of the policy's answers",
    reads=("policy_quality",), better="higher",
)  # fmt: skip
