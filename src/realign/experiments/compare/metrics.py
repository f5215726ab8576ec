"""What is compared, and every figure of the table in every run."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit

from realign.evaluation import figures
from realign.evaluation.calibration import FEWEST, bins_of
from realign.evaluation.figures import FIGURES, Definition
from realign.experiments.compare.lengths import length_controlled
from realign.experiments.compare.runs import Grid, Runs, ratio
from realign.store import schemas

PRIMARY, SECONDARY = "pair_accuracy", "win_rate"
_DECIMALS = 6
_RUN = ["strategy", "budget", "seed"]


def _given(*tables: schemas.Table) -> list[str]:
    """Names of the figures that these tables give."""
    return [name for name, one in FIGURES.items() if any(set(one.reads) <= set(t.names) for t in tables)]


LEARNED: dict[str, Definition] = {
    **{name: FIGURES[name] for name in _given(schemas.ARM_MARGINS, schemas.ARM_ANSWERS)},
    "lc_win_rate": Definition(
        "length-controlled win rate", "the same at equal lengths, by a logistic model", (), "rate", "higher"
    ),
    "ece": Definition(
        "calibration error (ECE)", "of the implicit reward, p = sigmoid(|margin|); inflated by few pairs", (),
        "positive", "lower",
    ),
}  # fmt: skip
"""What an arm's policy does; `measure` fits the last two to all rows of a run."""

BOUGHT: dict[str, Definition] = {name: FIGURES[name] for name in _given(schemas.ARM_PICKS)}
"""What an arm's labels are like."""

METRICS = LEARNED | BOUGHT


def measure(answers: pd.DataFrame, margins: pd.DataFrame, picks: pd.DataFrame, grid: Grid) -> dict[str, Runs]:
    """Every metric of METRICS in every run, in that order."""
    runs: dict[str, Runs] = {}
    for table in (answers, margins, picks):
        cube = _cubes(table, grid)
        for name, part in figures.terms(table).items():
            runs[name] = ratio(cube(part.above), cube(part.below))
    cube = _cubes(answers, grid)
    win, longer_by = answers["win"], answers["policy_tokens"] - answers["base_tokens"]
    runs["lc_win_rate"] = length_controlled(cube(win), cube(longer_by))
    cube = _cubes(margins, grid)
    pairs = cube(np.ones(len(margins)))
    enough = pairs.sum(-1, keepdims=True) >= FEWEST
    runs["ece"] = ratio(cube(_miscalibration(margins)), np.where(enough, pairs, 0.0))
    return {name: runs[name] for name in METRICS}


def ece_by_chance(margins: pd.DataFrame) -> float | None:
    """The ECE that perfectly calibrated rewards would show with as many pairs, mean over runs; None as for `calibration`.

    A bin's gap then has variance sum p (1 - p) / n^2, and a normal variable's expected size is sqrt(2 / pi) times
    its standard deviation.
    """
    sizes = margins.groupby(_RUN).size()
    if sizes.min() < FEWEST:
        return None
    p = _p(margins)
    variance = (p * (1 - p)).groupby(_bins(margins, p)).sum()
    gaps = np.sqrt(2 / np.pi * variance).groupby(_RUN).sum()
    return round(float((gaps / sizes).mean()), _DECIMALS)


def _miscalibration(margins: pd.DataFrame) -> np.ndarray:
    """What each pair adds to its run's ECE: accuracy less p, with the sign of that sum in its bin."""
    p = _p(margins)
    gap = margins["correct"] - p
    return np.asarray(gap * np.sign(gap.groupby(_bins(margins, p)).transform("sum")))


def _p(margins: pd.DataFrame) -> pd.Series:
    """The probability of the side that the reward prefers."""
    return pd.Series(expit(margins["margin"].abs()), index=margins.index)


def _bins(margins: pd.DataFrame, p: pd.Series) -> list[pd.Series]:
    """What pairs are grouped by: the run, and the bin of p."""
    bins = pd.Series(bins_of(p.to_numpy()), index=margins.index, name="bin")
    return [*(margins[column] for column in _RUN), bins]


def _cubes(table: pd.DataFrame, grid: Grid) -> Callable[[np.ndarray | pd.Series], np.ndarray]:
    """A value a row summed by run and prompt, 0 where a run does not hold a prompt. (n,) -> (K, B, S, prompts)."""
    prompts = sorted(table["prompt_id"].unique())
    place = [
        pd.Categorical(table[column], categories=list(names)).codes
        for column, names in (
            ("strategy", grid.strategies), ("budget", grid.budgets), ("seed", grid.seeds), ("prompt_id", prompts)
        )
    ]  # fmt: skip
    shape = (*grid.shape, len(prompts))
    flat = np.ravel_multi_index(tuple(place), shape)

    def cube(values: np.ndarray | pd.Series) -> np.ndarray:
        return np.bincount(flat, weights=values, minlength=int(np.prod(shape))).reshape(shape)

    return cube
