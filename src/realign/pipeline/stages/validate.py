"""validate: what passes the pairs gate may be labeled; nothing else reaches training."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from realign.config.params import Validate
from realign.quality import suites
from realign.quality.pairs import passed
from realign.store.quarantine import Tally
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    responses: pd.DataFrame
    pairs: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    validate: Validate = field(metadata={"only": suites.PAIR_LIMITS})


@dataclass(frozen=True)
class Outputs:
    """What validate writes; on a refusal, nothing."""

    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame
    gate_pairs: dict[str, Any]
    quarantine_validate: pd.DataFrame
    tally_validate: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """See realign.quality.pairs.

    Raises:
        ValidationFailed: names the expectation, the figure and the first rows.
    """
    result = passed(inputs.pairs, inputs.responses, inputs.prompts, settings.validate, work)
    train = result.pairs["purpose"] == "train"
    return Outputs(
        result.pairs[train], result.pairs[~train], result.summary, result.quarantine.frame(), result.tally
    )
