"""evaluate: the aligned policy against its base on held-out prompts and pairs, with intervals."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from realign.config.params import Evaluate, Generate
from realign.evaluation import factors, held_out
from realign.evaluation.calibration import calibration
from realign.evaluation.figures import with_intervals
from realign.evaluation.intervals import Resampling
from realign.evaluation.labels import error_by_similarity, strategies
from realign.evaluation.scorer import Scorer, ScorerInputs, ScorerSettings, scorer
from realign.models.adapter import RECORD
from realign.models.load import load_policy
from realign.store import schemas
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs(ScorerInputs):
    responses: pd.DataFrame
    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame
    labels: pd.DataFrame
    adapter: Path


@dataclass(frozen=True)
class Settings(ScorerSettings):
    seed: int
    generate: Generate = field(metadata={"only": held_out.SAMPLING})
    evaluate: Evaluate


@dataclass(frozen=True)
class Outputs:
    metrics: dict[str, Any]
    judgements: pd.DataFrame
    margins: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Measure; every rate comes with its interval over prompts.

    Raises:
        UserError: no held-out prompt is left.
    """
    record = json.loads((inputs.adapter / RECORD).read_text(encoding="utf-8"))
    model, tokenizer = load_policy(inputs.base, inputs.adapter)
    how = Resampling(settings.evaluate.resamples, settings.evaluate.confidence, settings.seed)
    pairs = _held_out(inputs)
    margins = held_out.margins(
        model, tokenizer, pairs, inputs.prompts, inputs.responses, record, settings.generate
    )
    measure = scorer(inputs, settings, work)
    accuracy = measure.accuracy(pairs, inputs.embeddings, how)
    judgements = _judgements(model, tokenizer, inputs, settings, record, measure)
    picked = pd.concat([inputs.validated_train, inputs.validated_measure])
    metrics = {
        "model": with_intervals(judgements, how) | with_intervals(margins, how),
        "strategies": strategies(inputs.labels, picked, how),
        "by_similarity": error_by_similarity(inputs.labels, picked, how),
        "factors": factors.audit(inputs.labels, picked, inputs.responses, inputs.prompts, how),
        "calibration": _calibration(margins, settings.evaluate.confidence),
        "scorer": {"kind": measure.kind, "held_out_accuracy": accuracy.as_json() if accuracy else None},
        "labeler": str(inputs.labels["labeler"].iloc[0]),
        "beta": record["beta"],
        "confidence": settings.evaluate.confidence,
        "resamples": settings.evaluate.resamples,
        "seed": settings.seed,
    }
    return Outputs(metrics, judgements[schemas.JUDGEMENTS.names], margins[schemas.MARGINS.names])


def _calibration(margins: pd.DataFrame, confidence: float) -> dict[str, Any] | None:
    """Of the implicit reward: p = sigmoid(|margin|) that the side it prefers is the better one."""
    decided = margins[margins["margin"] != 0]
    margin = decided["margin"].to_numpy(dtype=float)
    return calibration(expit(np.abs(margin)), margin > 0, decided["pair_id"].tolist(), confidence)


def _held_out(inputs: Inputs) -> pd.DataFrame:
    sides = inputs.validated_measure[["purpose", "strategy", "pair_id", "response_a", "response_b"]]
    labels = inputs.labels[inputs.labels["purpose"] == "holdout"]
    return held_out.better_side(labels.merge(sides, on=["purpose", "strategy", "pair_id"]))


def _judgements(
    model: Any,
    tokenizer: Any,
    inputs: Inputs,
    settings: Settings,
    record: dict[str, Any],
    measure: Scorer,
) -> pd.DataFrame:
    options, seed = settings.generate, settings.seed
    rows = held_out.occasions(inputs.prompts, tokenizer, options, settings.evaluate.samples)
    policy = held_out.answers(model, tokenizer, rows, options, seed, "evaluate: policy answers")
    with model.disable_adapter():
        base = held_out.answers(model, tokenizer, rows, options, seed, "evaluate: base answers")
    kl = held_out.divergence(model, tokenizer, rows, policy, record, options)
    rows = held_out.scored(held_out.scored(rows, base, measure, "base"), policy, measure, "policy")
    gap = (rows["policy_quality"] - rows["base_quality"]).to_numpy(dtype=float)
    return rows.assign(kl=kl, win=held_out.wins(gap))
