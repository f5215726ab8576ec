"""evaluate: the aligned policy against its base on held-out prompts and pairs, with intervals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.core import ids, schemas
from realign.core.params import Embed, Evaluate, Generate, Label
from realign.core.progress import progress
from realign.core.work import Work, require_rows
from realign.embedders.texts import text_vectors
from realign.evaluation.labels import strategies
from realign.heads import score_head
from realign.models.chat import completion_tokens, prompt_tokens
from realign.models.load import load_policy
from realign.models.logprobs import completion_logprobs
from realign.models.rewards import rewards
from realign.models.sampling import Sampled, SamplingRow, sample
from realign.simulation.qualities import qualities
from realign.statistics.intervals import Figure, Resampling, mean, rate, ratio_of_means
from realign.training.dpo import RECORD

_EQUAL = 1e-9


@dataclass(frozen=True)
class Inputs:
    """What evaluate reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    scores: pd.DataFrame
    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame
    labels: pd.DataFrame
    base: Path
    adapter: Path


@dataclass(frozen=True)
class Settings:
    """What evaluate is told."""

    seed: int
    generate: Generate
    embed: Embed
    label: Label
    evaluate: Evaluate


@dataclass(frozen=True)
class Outputs:
    """What evaluate writes."""

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
    margins = _margins(model, tokenizer, inputs, settings, record)
    quality, judge = _judge(inputs, settings, work)
    judgements = _judgements(model, tokenizer, inputs, settings, record, quality)
    # Samples of one prompt are not independent: intervals are over prompts, so each prompt is one value.
    by_prompt = judgements.assign(tied=judgements["win"] == 0.5).groupby("prompt_id").mean(numeric_only=True)
    prompt = {name: by_prompt[name].to_numpy(dtype=float) for name in by_prompt.columns}
    figures: dict[str, Figure | None] = {
        "win_rate": rate(prompt["win"], how),
        "win_ties": rate(prompt["tied"], how),
        "pair_accuracy": rate(margins["correct"].to_numpy(), how),
        "reward_margin": mean(margins["margin"].to_numpy(), how),
        "log_ratio_gap": mean(margins["gap"].to_numpy(), how),
        "kl_nats_per_response": mean(prompt["kl"], how),
        "kl_nats_per_token": ratio_of_means(prompt["kl"], prompt["policy_tokens"], how),
        "length_ratio": ratio_of_means(prompt["policy_tokens"], prompt["base_tokens"], how),
        "quality_base": mean(prompt["base_quality"], how),
        "quality_policy": mean(prompt["policy_quality"], how),
    }
    pairs = pd.concat([inputs.validated_train, inputs.validated_measure])
    metrics = {
        "model": {name: figure.as_json() if figure else None for name, figure in figures.items()},
        "strategies": strategies(inputs.labels, pairs, how),
        "judge": judge,
        "labeller": str(inputs.labels["labeller"].iloc[0]),
        "beta": record["beta"],
        "confidence": settings.evaluate.confidence,
        "resamples": settings.evaluate.resamples,
        "seed": settings.seed,
    }
    return Outputs(metrics, judgements[schemas.JUDGEMENTS.names], margins[schemas.MARGINS.names])


Judge = Callable[[pd.DataFrame, str], np.ndarray]


def _judge(inputs: Inputs, settings: Settings, work: Work) -> tuple[Judge, dict[str, Any]]:
    """A function from (prompt rows, text column) to qualities, and what is known of the judge."""
    if settings.evaluate.judge == "rule":
        return qualities, {"kind": "rule", "held_out_accuracy": None}
    if settings.evaluate.judge == "reward_model":
        model = settings.label.reward_model
        return (
            lambda rows, column: rewards(model, rows["messages"].tolist(), rows[column].tolist(), work),
            {"kind": f"reward_model: {model.name}@{model.revision}", "held_out_accuracy": None},
        )
    head = _fit_head(inputs, settings)
    vectors = text_vectors(inputs.base, settings.embed, {})

    def by_head(rows: pd.DataFrame, column: str) -> np.ndarray:
        return head.quality(vectors(rows[column].tolist()))

    accuracy = _head_accuracy(head, inputs, settings)
    kind = f"score_head: ridge on {settings.embed.method}, alpha {head.alpha:g}, from scores by {settings.label.annotator}"
    return by_head, {"kind": kind, "held_out_accuracy": accuracy.as_json() if accuracy else None}


def _fit_head(inputs: Inputs, settings: Settings) -> score_head.ScoreHead:
    train = set(inputs.prompts.loc[inputs.prompts["split"] == "train", "prompt_id"])
    scores = inputs.scores[
        (inputs.scores["annotator"] == settings.label.annotator) & inputs.scores["prompt_id"].isin(train)
    ]
    rows = scores.merge(inputs.embeddings, on="response_id").sort_values("response_id")
    require_rows(
        rows,
        f"scored train responses by {settings.label.annotator}",
        "set evaluate.judge to another judge",
    )
    vectors = np.stack(rows["vector"].tolist()).astype(np.float64)
    return score_head.fit(vectors, rows["score"].to_numpy(), rows["prompt_id"].to_numpy())


def _head_accuracy(head: score_head.ScoreHead, inputs: Inputs, settings: Settings) -> Figure | None:
    """How often the head agrees with the held-out pairs' better side: a judge must be known too."""
    pairs = _better(inputs)
    vectors = inputs.embeddings.set_index("response_id")["vector"]
    better, worse = (
        head.quality(np.stack(vectors.loc[pairs[side]].tolist()).astype(np.float64))
        for side in ("better", "worse")
    )
    how = Resampling(settings.evaluate.resamples, settings.evaluate.confidence, settings.seed)
    return rate((better > worse).astype(float), how)


def _better(inputs: Inputs) -> pd.DataFrame:
    """Held-out pairs with a better and a worse response, by gold where there is one, else by label."""
    labels = inputs.labels[inputs.labels["purpose"] == "holdout"]
    side = labels["gold"].where(labels["gold"].notna(), labels["winner"])
    held_out = labels.assign(side=side)[side.isin(["a", "b"])].merge(
        inputs.validated_measure[["purpose", "strategy", "pair_id", "response_a", "response_b"]],
        on=["purpose", "strategy", "pair_id"],
    )
    a_better = held_out["side"] == "a"
    held_out = held_out.assign(
        better=held_out["response_a"].where(a_better, held_out["response_b"]),
        worse=held_out["response_b"].where(a_better, held_out["response_a"]),
    )
    require_rows(
        held_out,
        "held-out pairs with a better side",
        "raise prepare.eval_share, or give more prompts",
    )
    return held_out[["pair_id", "prompt_id", "better", "worse"]]


def _margins(
    model: Any, tokenizer: Any, inputs: Inputs, settings: Settings, record: dict[str, Any]
) -> pd.DataFrame:
    pairs = _better(inputs)
    texts = inputs.responses.set_index("response_id")["text"]
    messages = (
        inputs.prompts.set_index("prompt_id")["messages"].loc[pairs["prompt_id"]].map(ids.load_messages)
    )
    sides = [
        completion_tokens(tokenizer, turns, texts[response])
        for side in ("better", "worse")
        for turns, response in zip(messages, pairs[side], strict=True)
    ]
    ratio = _log_ratios(model, tokenizer, sides, settings, record, "evaluate: pairs")
    gap = ratio[: len(pairs)] - ratio[len(pairs) :]
    return pairs.assign(gap=gap, margin=record["beta"] * gap, correct=(np.sign(gap) + 1) / 2)


def _judgements(
    model: Any,
    tokenizer: Any,
    inputs: Inputs,
    settings: Settings,
    record: dict[str, Any],
    quality: Judge,
) -> pd.DataFrame:
    options = settings.generate
    held_out = inputs.prompts[inputs.prompts["split"] == "eval"].sort_values("prompt_id")
    held_out = held_out.assign(turns=held_out["messages"].map(ids.load_messages))
    held_out = held_out.assign(tokens=held_out["turns"].map(lambda turns: prompt_tokens(tokenizer, turns)))
    held_out = held_out[held_out["tokens"].map(len) <= options.max_prompt_tokens]
    require_rows(held_out, "held-out prompts", "raise prepare.eval_share or generate.max_prompt_tokens")
    rows = held_out.merge(pd.DataFrame({"sample": range(settings.evaluate.samples)}), how="cross")
    # Base and policy answer with the same uniform numbers, so the comparison is paired in its luck too.
    todo = [
        SamplingRow(
            tokens,
            ids.uniforms(options.max_new_tokens, "evaluate", str(settings.seed), prompt, str(number)),
        )
        for tokens, prompt, number in zip(rows["tokens"], rows["prompt_id"], rows["sample"], strict=True)
    ]
    policy = _answers(model, tokenizer, todo, options, "evaluate: policy answers")
    with model.disable_adapter():
        base = _answers(model, tokenizer, todo, options, "evaluate: base answers")
    rows = rows.assign(
        base_text=[s.text for s in base],
        policy_text=[s.text for s in policy],
        base_tokens=[s.tokens for s in base],
        policy_tokens=[s.tokens for s in policy],
    )
    rows = rows.assign(base_quality=quality(rows, "base_text"), policy_quality=quality(rows, "policy_text"))
    gap = rows["policy_quality"] - rows["base_quality"]
    completions = [
        completion_tokens(tokenizer, turns, text)
        for turns, text in zip(rows["turns"], rows["policy_text"], strict=True)
    ]
    kl = _log_ratios(model, tokenizer, completions, settings, record, "evaluate: KL")
    return rows.assign(win=np.where(gap > _EQUAL, 1.0, np.where(gap < -_EQUAL, 0.0, 0.5)), kl=kl)


def _answers(
    model: Any, tokenizer: Any, rows: list[SamplingRow], options: Generate, what: str
) -> list[Sampled]:
    found: dict[int, Sampled] = {}
    bar = progress(len(rows), what, "responses")
    for batch in sample(model, tokenizer, rows, options):
        found |= batch
        bar.update(len(batch))
    bar.close()
    return [found[at] for at in range(len(rows))]


def _log_ratios(
    model: Any,
    tokenizer: Any,
    rows: list[tuple[list[int], list[int]]],
    settings: Settings,
    record: dict[str, Any],
    what: str,
) -> np.ndarray:
    """ln pi(y|x) - ln pi_ref(y|x) of each completion, in nats. Shape (n,)."""
    shape = {
        "max_length": int(record["max_length"]),
        "tokens_per_batch": settings.generate.tokens_per_batch,
        "pad": int(tokenizer.pad_token_id),
    }
    policy = completion_logprobs(model, rows, **shape, what=what)
    with model.disable_adapter():
        return np.asarray(policy - completion_logprobs(model, rows, **shape, what=f"{what}, reference"))
