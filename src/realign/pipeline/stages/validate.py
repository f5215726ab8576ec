"""validate: what passes the pairs gate may be labeled; nothing else reaches training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from realign.config.params import Validate
from realign.quality import frames, gate, suites
from realign.store import schemas
from realign.store.work import Quarantine, Tally, Work


@dataclass(frozen=True)
class Inputs:
    """What validate reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    pairs: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    """What validate is told."""

    validate: Validate


@dataclass(frozen=True)
class Outputs:
    """What validate writes; on a refusal, nothing."""

    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame
    gate_pairs: dict[str, Any]
    quarantine_validate: pd.DataFrame
    tally_validate: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Set bad pairs aside; refuse the table if too much is wrong with what would be trained on.

    Raises:
        ValidationFailed: names the expectation, the figure and the first rows.
    """
    pairs = inputs.pairs.reset_index(drop=True)
    columns = frames.pairs(pairs, inputs.responses, inputs.prompts)
    binding = pairs["purpose"] != "audit"
    verdict = gate.check(columns, suites.pairs(settings.validate, int(binding.sum())), binding, work)
    reasons = columns["row_id"].map(verdict.failed)
    quarantine = Quarantine()
    for name, reason in zip(columns["row_id"][reasons.notna()], reasons.dropna(), strict=True):
        quarantine.add("pair", str(name), str(reason))
    kept = pairs[reasons.isna()][schemas.PAIRS.names]
    return Outputs(
        kept[kept["purpose"] == "train"],
        kept[kept["purpose"] != "train"],
        verdict.summary,
        quarantine.frame(),
        quarantine.tally({"pair": len(pairs)}, {"pair": len(kept)}),
    )
