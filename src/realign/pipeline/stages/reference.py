"""reference: the base policy's answers to held-out prompts, against which every arm is measured."""

from dataclasses import dataclass, field

import pandas as pd

from realign.config.params import Generate
from realign.evaluation import held_out
from realign.evaluation.scorer import ScorerInputs, ScorerSettings, scorer
from realign.models.load import load_causal
from realign.store import schemas
from realign.store.work import Work

EXPERIMENT = True


Inputs = ScorerInputs


@dataclass(frozen=True)
class Settings(ScorerSettings):
    seed: int
    generate: Generate = field(metadata={"only": held_out.SAMPLING})
    samples: int = field(metadata={"key": "compare.samples"})


@dataclass(frozen=True)
class Outputs:
    base_answers: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Answer once what every arm's policy will answer with the same luck.

    Raises:
        UserError: no held-out prompt is left.
    """
    model, tokenizer = load_causal(inputs.base)
    options = settings.generate
    rows = held_out.occasions(inputs.prompts, tokenizer, options, settings.samples)
    base = held_out.answers(model, tokenizer, rows, options, settings.seed, "reference: base answers")
    measure = scorer(inputs, settings, work)
    columns = {"base_text": "text", "base_tokens": "tokens", "base_quality": "quality"}
    answers = held_out.scored(rows, base, measure, "base").drop(columns="tokens").rename(columns=columns)
    return Outputs(answers[schemas.BASE_ANSWERS.names])
