"""select: which pair of each prompt is worth a label."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import Select
from realign.selection import registry
from realign.selection.select import select
from realign.store.quarantine import Tally
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    rewards: pd.DataFrame
    pilot: pd.DataFrame
    strategies: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    strategy: str
    audit: list[str]
    select: Select


@dataclass(frozen=True)
class Outputs:
    pairs: pd.DataFrame
    plot_similarity: pd.DataFrame
    quarantine_select: pd.DataFrame
    tally_select: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """See realign.selection.select.

    Raises:
        UserError: an unknown strategy, one that needs what is not known, or no prompt with two different
            responses.
    """
    selection = select(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.rewards, inputs.pilot,
        strategies=[settings.strategy, *settings.audit], known=registry(inputs.strategies), options=settings.select,
        seed=settings.seed,
    )  # fmt: skip
    return Outputs(selection.pairs, selection.histogram, selection.quarantine.frame(), selection.tally)
