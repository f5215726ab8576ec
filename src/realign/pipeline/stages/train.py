"""train: DPO with LoRA on the preferences, which must pass their gate once more."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import Train
from realign.quality import frames, gate, suites
from realign.store import ids
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    """What train reads."""

    prompts: pd.DataFrame
    validated_train: pd.DataFrame
    preferences: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class Settings:
    """The parameters that train reads."""

    seed: int
    train: Train


@dataclass(frozen=True)
class Outputs:
    """What train writes."""

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
    from realign.models.load import load_causal
    from realign.training.dpo import save_adapter, train_dpo

    model, tokenizer = load_causal(inputs.base)
    base = ids.folder_digest(inputs.base)
    fingerprint = ids.digest(
        base,
        preferences.to_json(orient="split"),
        settings.train.model_dump_json(exclude={"checkpoint_every"}),
        str(settings.seed),
    )
    model, curve = train_dpo(
        model,
        tokenizer,
        preferences,
        settings.train,
        seed=settings.seed,
        checkpoints=work.checkpoints(fingerprint, "realign.training.dpo"),
    )
    folder = work.scratch()
    save_adapter(model, folder, settings.train, base)
    return Outputs(folder, curve)
