"""prepare: understand raw data, deduplicate, give content ids, split by hash, set aside the rest."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import Prepare
from realign.data.prepare import prepare
from realign.data.sources import AUTO
from realign.store.quarantine import Tally
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    raw: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    prepare: Prepare


@dataclass(frozen=True)
class Outputs:
    prompts: pd.DataFrame
    given: pd.DataFrame
    scores: pd.DataFrame
    quarantine_prepare: pd.DataFrame
    tally_prepare: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """See realign.data.prepare.

    Raises:
        UserError: nothing usable is left, or more rows than `prepare.max_share_dropped` are not.
    """
    prepared = prepare(inputs.raw, settings.prepare, settings.seed)
    if settings.prepare.shape == AUTO:
        print(f"prepare: the rows look like {prepared.source.name!r} data (data/README.md)", file=sys.stderr)
    return Outputs(
        prepared.prompts, prepared.given, prepared.scores, prepared.quarantine.frame(), prepared.tally
    )
