"""train: DPO with LoRA on the preferences, which must pass their gate once more."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import Train
from realign.quality import frames, gate, suites
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    validated_train: pd.DataFrame
    preferences: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    train: Train


@dataclass(frozen=True)
class Outputs:
    adapter: Path
    plot_training: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Train the adapter, from the last complete checkpoint of the same training if there is one.

    The gate is checked here once more, so that a preferences table that was changed after label wrote it is
    refused, whoever runs this stage and however.

    Raises:
        ValidationFailed: the preferences gate refused the table.
    """
    preferences = inputs.preferences
    gate.check(
        frames.preferences(preferences, inputs.validated_train, inputs.prompts),
        suites.preferences(limits=None),
        pd.Series(True, index=preferences.index),
        work,
    )
    from realign.training.dpo import trained_adapter

    adapter, _, curve = trained_adapter(inputs.base, preferences, settings.train, settings.seed, work)
    return Outputs(adapter, curve)
