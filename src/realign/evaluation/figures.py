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
        ratio: from rows to numerators and denominators.
    """

    title: str
    meaning: str
    reads: tuple[str, ...]
    scale: str
    better: str
    ratio: Callable[[pd.DataFrame], Ratio]


FIGURES: dict[str, Definition] = {}


def figure(
    title: str, meaning: str, *, reads: tuple[str, ...], scale: str = "plain", better: str = ""
) -> Callable[[Callable[[pd.DataFrame], Ratio]], Callable[[pd.DataFrame], Ratio]]:
    """Enter a function in FIGURES, under its own name. Arguments as in `Definition`."""

    def enter(function: Callable[[pd.DataFrame], Ratio]) -> Callable[[pd.DataFrame], Ratio]:
        FIGURES[function.__name__] = Definition(title, meaning, reads, scale, better, function)
        return function

    return enter


def terms(rows: pd.DataFrame) -> dict[str, Terms]:
    """The terms of every figure whose columns these rows have."""
    return {
        name: Terms(*definition.ratio(rows), definition.scale)
        for name, definition in FIGURES.items()
        if set(definition.reads) <= set(rows.columns)
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
    """A label of a or b against a gold label of a or b."""
    return _mean(rows["winner"] != rows["gold"], decided(rows["winner"]) & decided(rows["gold"]))


@figure(
    "expected label error", "chance that a simulated annotator's label is wrong, where scores differ",
    reads=("winner", "p_winner"), scale="rate", better="lower",
)  # fmt: skip
def expected_error(rows: pd.DataFrame) -> Ratio:
    """1 - p of the side with the higher score."""
    return _mean(1.0 - rows["p_winner"], decided(rows["winner"]))


@figure("score gap", "mean difference of the two scores", reads=("score_gap",), scale="positive")
def score_gap(rows: pd.DataFrame) -> Ratio:
    """|score of a - score of b|, in the units in which gaps compare."""
    return _mean(rows["score_gap"])


@figure(
    "ties", "share of labels that decide nothing: a tie, or both bad", reads=("winner",), scale="rate", better="lower"
)  # fmt: skip
def ties(rows: pd.DataFrame) -> Ratio:
    """Ties of all labels."""
    return _mean(np.isin(rows["winner"].to_numpy(dtype=object), TIES))


@figure(
    "longer one wins", "share of decided labels that go to the longer response; equally long: half",
    reads=("winner", "log_length_ratio"), scale="rate",
)  # fmt: skip
def longer_wins(rows: pd.DataFrame) -> Ratio:
    """1 where the winner is the longer one, 0 the shorter one, 1/2 where both are of one length."""
    toward = np.where(rows["winner"] == "a", 1, -1) * np.sign(rows["log_length_ratio"])
    return _mean((toward + 1) / 2, decided(rows["winner"]))


@figure(
    "|ln length ratio|", "mean |ln(tokens a / tokens b)|", reads=("log_length_ratio",), scale="positive",
    better="lower",
)  # fmt: skip
def abs_log_length_ratio(rows: pd.DataFrame) -> Ratio:
    """How far lengths are apart."""
    return _mean(rows["log_length_ratio"].abs())


@figure("similarity", "mean cosine of the two responses", reads=("similarity",))
def similarity(rows: pd.DataFrame) -> Ratio:
    """How alike the two responses are."""
    return _mean(rows["similarity"])


@figure("gold gap", "mean quality gap by gold, ties included", reads=("gold_gap",), scale="positive")
def gold_gap(rows: pd.DataFrame) -> Ratio:
    """|quality of a - quality of b|, where gold is known."""
    return _mean(rows["gold_gap"])


# Held-out prompts, answered by a policy and by its base


@figure(
    "win rate", "share of held-out prompts on which the policy's answer is better than its base's; equal: half",
    reads=("win",), scale="rate", better="higher",
)  # fmt: skip
def win_rate(rows: pd.DataFrame) -> Ratio:
    """1 where the policy's answer is better, 1/2 where both are equal."""
    return _mean(rows["win"])


@figure("win ties", "share of answers that the scorer calls equal", reads=("win", "sample"), scale="rate")
def win_ties(rows: pd.DataFrame) -> Ratio:
    """Answers as good as the base's; of single answers only, not of means over samples."""
    return _mean(rows["win"] == 0.5)


# Held-out pairs with a better and a worse response


@figure(
    "pair accuracy", "share of held-out pairs whose better side has the higher implicit reward",
    reads=("correct",), scale="rate", better="higher",
)  # fmt: skip
def pair_accuracy(rows: pd.DataFrame) -> Ratio:
    """1 where the better side has the higher implicit reward, 1/2 where both are equal."""
    return _mean(rows["correct"])


@figure(
    "reward margin", "β · (log-ratio of better - log-ratio of worse), TRL's rewards/margins", reads=("margin",),
    better="higher",
)  # fmt: skip
def reward_margin(rows: pd.DataFrame) -> Ratio:
    """Implicit reward of the better side less that of the worse."""
    return _mean(rows["margin"])


@figure("log-ratio gap", "the same without β, in nats", reads=("gap",), better="higher")
def log_ratio_gap(rows: pd.DataFrame) -> Ratio:
    """The reward margin in nats."""
    return _mean(rows["gap"])


# The policy's own answers


@figure("KL", "of the policy from the base on the policy's own answers, nats", reads=("kl",))
def kl_nats_per_response(rows: pd.DataFrame) -> Ratio:
    """Mean of ln(policy / base)."""
    return _mean(rows["kl"])


@figure("KL per token", "the same per token", reads=("kl", "policy_tokens"))
def kl_nats_per_token(rows: pd.DataFrame) -> Ratio:
    """ln(policy / base) over the policy's tokens."""
    return rows["kl"].to_numpy(dtype=float), rows["policy_tokens"].to_numpy(dtype=float)


@figure(
    "length of answers", "policy's tokens / base's tokens", reads=("policy_tokens", "base_tokens"), scale="positive"
)  # fmt: skip
def length_ratio(rows: pd.DataFrame) -> Ratio:
    """Tokens of the policy's answers over tokens of the base's."""
    return rows["policy_tokens"].to_numpy(dtype=float), rows["base_tokens"].to_numpy(dtype=float)


@figure(
    "quality of the base",
    "mean quality of the base's answers, in the scorer's units",
    reads=("base_quality",),
)
def quality_base(rows: pd.DataFrame) -> Ratio:
    """Of the base's answers."""
    return _mean(rows["base_quality"])


@figure(
    "quality of the policy",
    "mean quality of the policy's answers",
    reads=("policy_quality",),
    better="higher",
)
def quality_policy(rows: pd.DataFrame) -> Ratio:
    """Of the policy's answers."""
    return _mean(rows["policy_quality"])
