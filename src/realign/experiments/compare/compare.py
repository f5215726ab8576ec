"""All arms of an equal-budget experiment against each other: figures, differences, labels saved, the conclusion."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from realign.errors import UserError, listing
from realign.evaluation.intervals import Figure, Resampling, proportion
from realign.evaluation.paired import holm
from realign.experiments.compare.conclusion import conclude
from realign.experiments.compare.metrics import METRICS, PRIMARY, SECONDARY, ece_by_chance, measure
from realign.experiments.compare.runs import Grid, Runs
from realign.experiments.compare.saved import saved
from realign.experiments.compare.variance import Estimate, arm, difference

Json = dict[str, Any]
_ARM = ["strategy", "budget", "seed"]
_DECIMALS = 6


@dataclass(frozen=True)
class Settings:
    """How arms are compared.

    Attributes:
        confidence: of every interval, e.g. 0.95; 1 less it is the level of the conclusion.
        resamples: repetitions behind the labels-saved intervals.
        seed: of those repetitions.
        baseline: the strategy that the others are held against.
    """

    confidence: float
    resamples: int
    seed: int
    baseline: str = "random"


def compare(answers: pd.DataFrame, margins: pd.DataFrame, picks: pd.DataFrame, settings: Settings) -> Json:
    """What the arms show; plain JSON without NaN, the same for the same tables in any order of rows.

    - arms: per strategy and budget every metric, mean over seeds: value, low, high, n prompts, method, the `spread`
      (standard deviation) over seeds, and each seed's value;
    - differences: per strategy and budget the difference from the baseline at that budget: value, low, high,
      p, and for the primary and the secondary metric p_holm, corrected over all strategies and budgets;
    - saved: for the primary and the secondary metric, per strategy, realign.experiments.compare.saved;
    - conclusion: realign.experiments.compare.conclusion.

    A metric that the data does not give is null. p is null with a single seed: without a second training
    nobody knows what chance alone does.

    Args:
        answers: ARM_ANSWERS.
        margins: ARM_MARGINS.
        picks: ARM_PICKS.
        settings: confidence, resamples, seed, baseline.

    Raises:
        UserError: the baseline is no arm, or arms or prompts are missing somewhere.
    """
    grid = _grid(answers, margins, picks, settings.baseline)
    runs = measure(answers, margins, picks, grid)
    how = Resampling(settings.resamples, settings.confidence, settings.seed)
    families = (PRIMARY, SECONDARY)
    confidence = settings.confidence
    arms = _rows(
        grid, 0, lambda k, b: {name: _figure(name, part, k, b, confidence) for name, part in runs.items()}
    )
    differences = _rows(
        grid, 1, lambda k, b: {name: _difference(part, k, b, confidence) for name, part in runs.items()}
    )
    for name in families:
        _correct([row["figures"][name] for row in differences if row["figures"][name]])
    result: Json = {
        "confidence": confidence,
        "resamples": settings.resamples,
        "seed": settings.seed,
        "baseline": grid.baseline,
        "strategies": list(grid.strategies),
        "budgets": list(grid.budgets),
        "seeds": list(grid.seeds),
        "prompts": int(answers["prompt_id"].nunique()),
        "pairs": int(margins["pair_id"].nunique()),
        "ece_by_chance": ece_by_chance(margins),
        "arms": arms,
        "differences": differences,
        "saved": {name: saved(runs[name], grid, how) for name in families},
    }
    return result | {"conclusion": conclude(result, runs[PRIMARY], grid)}


def _grid(answers: pd.DataFrame, margins: pd.DataFrame, picks: pd.DataFrame, baseline: str) -> Grid:
    tables = {"answers": answers, "margins": margins, "picks": picks}
    arms = pd.concat([table[_ARM].drop_duplicates() for table in tables.values()])
    strategies, budgets, seeds = (sorted(arms[column].unique().tolist()) for column in _ARM)
    wanted = pd.MultiIndex.from_product([strategies, budgets, seeds], names=_ARM)
    problems = []
    if baseline not in strategies:
        problems.append(
            f"no arm of {baseline!r}, which the others are held against: add it to the strategies"
        )
    for name, unit in (("answers", "prompt_id"), ("margins", "pair_id"), ("picks", "")):
        size = tables[name].groupby(_ARM).size().reindex(wanted, fill_value=0)
        units = tables[name][unit].nunique() if unit else 0
        for row, count in size.items():
            if count == 0 or (unit and count < units):
                held = f"{count} of {units} {unit}s" if unit else "no rows"
                problems.append(f"{name}: arm {row} has {held}: run the arm again")
    if problems:
        raise UserError(listing("These arms cannot be compared:", problems), code="compare.arms_differ")
    others = [name for name in strategies if name != baseline]
    return Grid((baseline, *others), tuple(budgets), tuple(seeds))


def _rows(grid: Grid, first: int, figures: Callable[[int, int], Json]) -> list[Json]:
    """A row for every strategy from number `first` on, and every budget; `figures` of their two numbers."""
    return [
        {"strategy": grid.strategies[k], "budget": budget, "figures": figures(k, b)}
        for k in range(first, len(grid.strategies))
        for b, budget in enumerate(grid.budgets)
    ]


def _figure(name: str, runs: Runs, k: int, b: int, confidence: float) -> Json | None:
    estimate = arm(runs, k, b)
    if estimate is None:
        return None
    values, prompts = runs.value[k, b], int(runs.prompts[k, b])
    figure = _exact(name, estimate, prompts, confidence)
    if figure is None:
        low, high = _interval(name, estimate, confidence)
        figure = Figure(_round(estimate.value), low, high, prompts, "t over prompts and seeds")
    spread = _round(values.std(ddof=1)) if len(values) > 1 else None
    return figure.as_json() | {"spread": spread, "seeds": [_round(value) for value in values]}


def _exact(name: str, estimate: Estimate, prompts: int, confidence: float) -> Figure | None:
    """A rate that is 0 or 1 in every run has no spread to go by: the exact binomial interval over prompts."""
    if METRICS[name].scale != "rate" or estimate.value not in (0.0, 1.0):
        return None
    return proportion(round(estimate.value) * prompts, prompts, confidence)


def _interval(name: str, estimate: Estimate, confidence: float) -> tuple[float, float]:
    """Symmetric, in the log-odds for a rate, so that it stays between 0 and 1."""
    value, half = estimate.value, estimate.half_width(confidence)
    ends = value + np.array([-1, 1]) * half
    if METRICS[name].scale == "rate":
        ends = special.expit(special.logit(value) + np.array([-1, 1]) * half / (value * (1 - value)))
    elif METRICS[name].scale == "positive":
        ends = np.maximum(ends, 0.0)
    return _round(ends[0]), _round(ends[1])


def _difference(runs: Runs, k: int, b: int, confidence: float) -> Json | None:
    apart = difference(runs, k, 0, b)
    if apart is None:
        return None
    half = apart.half_width(confidence)
    return {
        "value": _round(apart.value),
        "low": _round(apart.value - half),
        "high": _round(apart.value + half),
        "p": _round(apart.p_value()) if runs.value.shape[2] > 1 else None,
    }


def _correct(figures: list[Json]) -> None:
    """Holm's correction over a family of differences, in place."""
    tested = [figure for figure in figures if figure["p"] is not None]
    for figure in figures:
        figure["p_holm"] = None
    for figure, p in zip(tested, holm([figure["p"] for figure in tested]), strict=True):
        figure["p_holm"] = p


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
