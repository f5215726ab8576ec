"""summary: all arms of the equal-budget experiment against each other, and the page."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from realign.config.params import Compare, Evaluate
from realign.experiments.compare import Settings as How
from realign.experiments.compare import compare
from realign.report import compare_page
from realign.store import schemas
from realign.store.work import Work

EXPERIMENT = True


@dataclass(frozen=True)
class Inputs:
    arm_picks: pd.DataFrame
    arm_answers: pd.DataFrame
    arm_margins: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    seed: int
    evaluate: Evaluate = field(metadata={"only": ("resamples", "confidence")})
    compare: Compare = field(metadata={"only": ("strategies", "budgets", "seeds", "baseline")})


@dataclass(frozen=True)
class Outputs:
    comparison: dict[str, Any]
    comparison_page: str
    plot_arms: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Hold every strategy against the baseline; computes no figure of its own."""
    measure, options = settings.evaluate, settings.compare
    how = How(measure.confidence, measure.resamples, settings.seed, options.baseline)
    result = compare(inputs.arm_answers, inputs.arm_margins, inputs.arm_picks, how)
    return Outputs(result, compare_page.render(result), _plot(result))


def _plot(result: dict[str, Any]) -> pd.DataFrame:
    rows = [
        {"metric": name, "strategy": arm["strategy"], "budget": arm["budget"], **figure}
        for arm in result["arms"]
        for name, figure in arm["figures"].items()
        if figure is not None
    ]
    return pd.DataFrame(rows)[schemas.ARM_FIGURES.names].astype({"spread": float})
