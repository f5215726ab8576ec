"""What is compared, and how each metric is measured in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.evaluation.calibration import BINS
from realign.experiments.compare.lengths import length_controlled
from realign.experiments.compare.runs import Grid, Runs, ratio

PRIMARY, SECONDARY = "pair_accuracy", "win_rate"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        title: its name for a person.
        meaning: what it is, in a line.
        better: higher, lower, or neither.
        scale: rate (between 0 and 1), positive, or plain: bounds that its interval keeps to.
    """

    title: str
    meaning: str
    better: str
    scale: str


METRICS = {
    "pair_accuracy": Metric(
        "pair accuracy", "share of held-out pairs whose better side has the higher implicit reward", "higher", "rate"
    ),
    "win_rate": Metric("win rate", "of the policy's answers against the base's, ties half", "higher", "rate"),
    "lc_win_rate": Metric(
        "length-controlled win rate", "the same at equal lengths, by a logistic model", "higher", "rate"
    ),
    "margin": Metric("margin", "implicit reward of the better side less that of the worse, nats", "higher", "plain"),
    "ece": Metric(
        "calibration error (ECE)", "of the implicit reward, p = sigmoid(|margin|); inflated by few pairs", "lower",
        "positive",
    ),
    "label_error": Metric(
        "label error", "share of bought labels against the gold verdict, where neither says tie", "lower", "rate"
    ),
    "longer_wins": Metric("longer one wins", "share of decided labels that go to the longer response", "", "rate"),
    "abs_log_length_ratio": Metric("|ln length ratio|", "of the bought pairs, mean", "lower", "positive"),
    "ties": Metric("ties", "share of bought labels that decide nothing: a tie, or both bad", "lower", "rate"),
    "similarity": Metric("similarity", "cosine of the bought pairs, mean", "", "plain"),
    "length_ratio": Metric("length of answers", "policy's tokens / base's tokens", "", "positive"),
    "kl": Metric("KL", "of the policy from the base on its own answers, nats", "", "plain"),
}  # fmt: skip


def measure(answers: pd.DataFrame, margins: pd.DataFrame, picks: pd.DataFrame, grid: Grid) -> dict[str, Runs]:
    """Every metric of METRICS in every run, in that order."""
    found = _answers(answers, grid) | _margins(margins, grid) | _picks(picks, grid)
    return {name: found[name] for name in METRICS}


def ece_by_chance(margins: pd.DataFrame) -> float:
    """The ECE that perfectly calibrated rewards would show with as many pairs, mean over runs.

    A bin's gap then has variance sum p (1 - p) / n^2, and a normal variable's expected size is sqrt(2 / pi) times
    its standard deviation.
    """
    frame = _sided(margins)
    frame["variance"] = frame["p"] * (1 - frame["p"])
    runs = ["strategy", "budget", "seed"]
    gaps = np.sqrt(2 / np.pi * frame.groupby([*runs, "bin"])["variance"].sum()).groupby(runs).sum()
    return float((gaps / frame.groupby(runs).size()).mean())


def _answers(answers: pd.DataFrame, grid: Grid) -> dict[str, Runs]:
    cube = _cubes(answers.assign(one=1.0), grid)
    win, policy, base = cube("win"), cube("policy_tokens"), cube("base_tokens")
    return {
        "win_rate": ratio(win, cube("one")),
        "lc_win_rate": length_controlled(win, policy - base),
        "length_ratio": ratio(policy, base),
        "kl": ratio(cube("kl"), cube("one")),
    }


def _margins(margins: pd.DataFrame, grid: Grid) -> dict[str, Runs]:
    frame = _sided(margins).assign(one=1.0)
    gap = frame["correct"] - frame["p"]
    sums = gap.groupby([frame[c] for c in ("strategy", "budget", "seed", "bin")]).transform("sum")
    cube = _cubes(frame.assign(miscalibration=np.sign(sums) * gap), grid)
    return {
        "pair_accuracy": ratio(cube("correct"), cube("one")),
        "margin": ratio(cube("margin"), cube("one")),
        "ece": ratio(cube("miscalibration"), cube("one")),
    }


def _sided(margins: pd.DataFrame) -> pd.DataFrame:
    """With p, the probability of the side that the reward prefers, and its bin, as judging.calibration has them."""
    p = 1 / (1 + np.exp(-margins["margin"].abs()))
    return margins.assign(p=p, bin=np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], p))


def _picks(picks: pd.DataFrame, grid: Grid) -> dict[str, Runs]:
    decided = picks["winner"].isin(["a", "b"])
    known = decided & picks["gold"].isin(["a", "b"])
    toward = np.where(picks["winner"] == "a", 1, -1) * np.sign(picks["log_length_ratio"])
    frame = picks.assign(
        one=1.0,
        decided=decided.astype(float),
        undecided=1.0 - decided,
        known=known.astype(float),
        wrong=(known & (picks["winner"] != picks["gold"])).astype(float),
        longer=np.where(decided, (toward + 1) / 2, 0.0),
        apart=picks["log_length_ratio"].abs(),
    )
    cube = _cubes(frame, grid)
    return {
        "label_error": ratio(cube("wrong"), cube("known")),
        "longer_wins": ratio(cube("longer"), cube("decided")),
        "abs_log_length_ratio": ratio(cube("apart"), cube("one")),
        "ties": ratio(cube("undecided"), cube("one")),
        "similarity": ratio(cube("similarity"), cube("one")),
    }


def _cubes(table: pd.DataFrame, grid: Grid) -> Callable[[str], np.ndarray]:
    """A column summed by run and prompt, 0 where a run does not hold a prompt. Shape (K, B, S, n)."""
    prompts = sorted(table["prompt_id"].unique())
    place = [
        pd.Categorical(table[column], categories=list(names)).codes
        for column, names in (
            ("strategy", grid.strategies), ("budget", grid.budgets), ("seed", grid.seeds), ("prompt_id", prompts)
        )
    ]  # fmt: skip
    shape = (*grid.shape, len(prompts))
    flat = np.ravel_multi_index(tuple(place), shape)

    def cube(column: str) -> np.ndarray:
        return np.bincount(flat, weights=table[column], minlength=int(np.prod(shape))).reshape(shape)

    return cube
