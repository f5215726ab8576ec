"""arm: one training of the equal-budget experiment, and how its policy fares on held-out prompts and pairs."""

import json
import shutil
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from realign.config.params import Arm, Generate, Train
from realign.data.pairs import as_preferences, with_texts
from realign.evaluation import held_out
from realign.evaluation.scorer import ScorerInputs, ScorerSettings, scorer
from realign.quality import frames, gate, suites
from realign.store import ids, schemas
from realign.store.quarantine import require_rows
from realign.store.work import Work

Item = Arm
EXPERIMENT = True
MATRIX = {"strategy": "compare.strategies", "budget": "compare.budgets", "seed": "compare.seeds"}


@dataclass(frozen=True)
class Inputs(ScorerInputs):
    responses: pd.DataFrame
    arm_picks: pd.DataFrame
    held_out: pd.DataFrame
    base_answers: pd.DataFrame


@dataclass(frozen=True)
class Settings(ScorerSettings):
    seed: int
    generate: Generate = field(metadata={"only": held_out.SAMPLING})
    train: Train
    unsure: float | None = field(metadata={"key": "label.unsure"})
    samples: int = field(metadata={"key": "compare.samples"})


@dataclass(frozen=True)
class Outputs:
    arm_answers: pd.DataFrame
    arm_margins: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work, item: Arm) -> Outputs:
    """Train on what the arm bought, from its last whole checkpoint if there is one, and measure.

    Training, gate and measurement are those of the stages train and evaluate. The adapter is not kept:
    what an arm is worth stands in its figures.

    Raises:
        UserError: every label that the arm bought is a tie, or even.
        ValidationFailed: the preferences gate refused the table.
    """
    from realign.models.adapter import RECORD
    from realign.models.load import load_policy
    from realign.training.dpo import trained_adapter

    texts = with_texts(inputs.arm_picks, inputs.prompts, inputs.responses)
    preferences = as_preferences(inputs.arm_picks, texts, inputs.responses, settings.unsure)
    require_rows(
        preferences, "labels that are neither a tie nor even", "raise compare.budgets, or use another labeler"
    )
    gate.check(
        frames.preferences(preferences, inputs.arm_picks, inputs.prompts),
        suites.preferences(limits=None),
        pd.Series(True, index=preferences.index),
        work,
        docs=False,
    )
    seed = ids.arm_seed(settings.seed, item.seed)
    folder, checkpoints, _ = trained_adapter(inputs.base, preferences, settings.train, seed, work)
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    model, tokenizer = load_policy(inputs.base, folder)
    answers = _answers(model, tokenizer, record, inputs, settings, work)
    margins = held_out.margins(
        model, tokenizer, inputs.held_out, inputs.prompts, inputs.responses, record, settings.generate
    )
    for spent in (folder, checkpoints):
        shutil.rmtree(spent)
    return Outputs(
        answers.assign(**item._asdict())[schemas.ARM_ANSWERS.names],
        margins.assign(**item._asdict())[schemas.ARM_MARGINS.names],
    )


def _answers(
    model: Any, tokenizer: Any, record: dict[str, Any], inputs: Inputs, settings: Settings, work: Work
) -> pd.DataFrame:
    """A row a held-out prompt: means over its samples, which are not independent of each other."""
    options = settings.generate
    rows = held_out.occasions(inputs.prompts, tokenizer, options, settings.samples)
    policy = held_out.answers(model, tokenizer, rows, options, settings.seed, "arm: answers")
    measure = scorer(inputs, settings, work)
    kl = held_out.divergence(model, tokenizer, rows, policy, record, options)
    rows = held_out.scored(rows.assign(kl=kl), policy, measure, "policy")
    base = inputs.base_answers.rename(columns={"tokens": "base_tokens", "quality": "base_quality"})
    columns = ["prompt_id", "sample", "base_tokens", "base_quality"]
    both = rows.merge(base[columns], on=["prompt_id", "sample"], validate="one_to_one")
    gap = (both["policy_quality"] - both["base_quality"]).to_numpy(dtype=float)
    measured = ["win", "policy_tokens", "base_tokens", "kl"]
    return both.assign(win=held_out.wins(gap)).groupby("prompt_id")[measured].mean().reset_index()
