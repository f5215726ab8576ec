"""base: the policy to be aligned, built, local or from the hub; optionally fine-tuned first."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import Base, Supervised
from realign.errors import UserError
from realign.models import probe
from realign.models.chat import PLAIN
from realign.store import ids
from realign.store.ids import Message
from realign.store.quarantine import require_rows
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    given: pd.DataFrame
    scores: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    seed: int
    base: Base
    target_modules: str | list[str] = field(metadata={"key": "train.lora.target_modules"})


@dataclass(frozen=True)
class Outputs:
    base: Path


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Build or load the policy, and save it as the one model that later stages load.

    Texts of held-out prompts are never trained on. What a later stage would stumble over is tried here, before
    anything is paid (models.probe).

    Raises:
        UserError: the model cannot be had or used, or there is nothing to train on.
    """
    options = settings.base
    examples = _examples(inputs)
    checkpoints = work.checkpoints(
        _fingerprint(examples, inputs.scores, settings), "realign.training.supervised"
    )
    if options.source == "build":
        model, tokenizer = _built(examples, settings)
    else:
        from realign.models.load import load_causal, pinned

        folder = pinned(options.model, "base.model")
        model, tokenizer = load_causal(folder, "base.model")
        _complete(tokenizer)
    refused = probe.refusals(tokenizer, inputs.prompts)
    for line in probe.counted(refused, len(inputs.prompts)):
        print(f"base: {line}", file=sys.stderr)
    taken = inputs.prompts[~inputs.prompts["prompt_id"].isin(refused.index)]
    probe.check(model, tokenizer, ids.load_messages(taken["messages"].iloc[0]), settings.target_modules)

    def trained(on: pd.DataFrame, how: Supervised, checkpoint: str, what: str) -> Any:
        from realign.training.supervised import train_supervised

        return train_supervised(
            model,
            tokenizer,
            list(_conversations(on)),
            how,
            seed=settings.seed,
            checkpoints=checkpoints / checkpoint,
            what=what,
        )

    if options.source == "build" and options.pretrain.steps:
        model = trained(examples, options.pretrain, "pretrain", "base: build")
    if options.sft.steps:
        best = _best(examples[examples["prompt_id"].isin(taken["prompt_id"])], inputs.scores)
        require_rows(
            best,
            "reference answers for base.sft",
            "SFT needs scored responses; set base.sft.steps: 0",
        )
        model = trained(best, options.sft, "sft", "base: sft")
    folder = work.scratch()
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return Outputs(folder)


def _examples(inputs: Inputs) -> pd.DataFrame:
    train = inputs.prompts[inputs.prompts["split"] == "train"]
    return train.merge(inputs.given, on="prompt_id").sort_values(["prompt_id", "response_id"])


def _built(examples: pd.DataFrame, settings: Settings) -> tuple[Any, Any]:
    """An untrained model and its tokenizer."""
    from realign.models.tiny import build_model, build_tokenizer

    require_rows(examples, "texts to build a model from", "base.source: build needs data with responses")
    turns = [m["content"] for text in examples["messages"].drop_duplicates() for m in ids.load_messages(text)]
    tokenizer = build_tokenizer([*turns, *examples["text"]], settings.base.build.vocab_size)
    return build_model(settings.base.build, tokenizer, settings.seed), tokenizer


def _best(examples: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The response of each prompt with the highest mean score."""
    mean = scores.groupby("response_id")["score"].mean()
    scored = examples.assign(score=mean.reindex(examples["response_id"]).to_numpy()).dropna(subset="score")
    return scored.sort_values(["prompt_id", "score", "response_id"]).groupby("prompt_id").tail(1)


def _conversations(examples: pd.DataFrame) -> Iterator[tuple[list[Message], str]]:
    for messages, text in zip(examples["messages"], examples["text"], strict=True):
        yield ids.load_messages(messages), text


def _fingerprint(examples: pd.DataFrame, scores: pd.DataFrame, settings: Settings) -> str:
    chosen_by = (
        scores.sort_values(["response_id", "annotator"]).to_json(orient="values")
        if settings.base.sft.steps
        else ""
    )
    return ids.digest(
        *examples["response_id"], chosen_by, str(settings.seed), settings.base.model_dump_json()
    )


def _complete(tokenizer: Any) -> None:
    """Give a loaded tokenizer what generation and DPO need, where it lacks it."""
    if tokenizer.eos_token is None:
        raise UserError(
            "base.model: its tokenizer has no end token, so no response could ever end",
            code="model.no_end_token",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # masked out everywhere, never learned
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN
