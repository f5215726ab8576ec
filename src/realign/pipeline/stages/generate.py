"""generate: K sampled responses a prompt, or those that came with the data, past the responses gate."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import Generate, Validate
from realign.errors import UserError
from realign.models.chat import inert, prompt_tokens, refusal
from realign.models.load import load_causal, window
from realign.models.sampling import kept_samples
from realign.quality import frames, gate, suites
from realign.store import ids, schemas
from realign.store.quarantine import Quarantine, Tally, require_rows
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    given: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    generate: Generate
    validate: Validate = field(metadata={"only": suites.RESPONSE_LIMITS})


@dataclass(frozen=True)
class Outputs:
    responses: pd.DataFrame
    gate_responses: dict[str, Any]
    quarantine_generate: pd.DataFrame
    tally_generate: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Get the responses, drop repeated texts, and let Great Expectations look at them.

    Raises:
        UserError: no prompt fits into `generate.max_prompt_tokens`, or there is no response.
        ValidationFailed: the responses gate refused the table.
    """
    options = settings.generate
    model, tokenizer = load_causal(inputs.base)
    quarantine = Quarantine()
    tokens = _fitting(inputs.prompts, tokenizer, options.max_prompt_tokens, quarantine)
    if options.mode == "sample":
        _refuse_beyond(window(model, sys.maxsize), options)
        base = ids.folder_digest(inputs.base)
        samples = kept_samples(model, tokenizer, tokens, options, settings.seed, base, work)
        rows = pd.DataFrame(samples, columns=schemas.RESPONSES.names)
    else:
        rows = _given(inputs.given, tokenizer)
    offered = len(rows)
    of_prompt = {id_: reason for _, id_, reason, _ in quarantine.rows}
    for reason in sorted(set(of_prompt.values())):
        _aside(rows[rows["prompt_id"].map(of_prompt) == reason], reason, quarantine)
    rows = rows[~rows["prompt_id"].isin(list(of_prompt))]
    repeated = rows.duplicated("response_id")
    _aside(rows[repeated], "duplicate_text", quarantine)
    rows = rows[~repeated]
    require_rows(rows, "responses", "data without responses needs generate.mode: sample")
    columns = frames.responses(rows)
    result = gate.check(
        columns,
        suites.responses(settings.validate, len(rows)),
        pd.Series(True, index=columns.index),
        work,
    )
    failed = rows["response_id"].map(result.failed)
    for reason in sorted(set(result.failed.values())):
        _aside(rows[failed == reason], reason, quarantine)
    kept = rows[failed.isna()]
    answered = set(kept["prompt_id"])
    for prompt in tokens:
        if prompt not in answered:
            quarantine.add("prompt", prompt, "no_response")
    return Outputs(
        kept[schemas.RESPONSES.names],
        result.summary,
        quarantine.frame(),
        quarantine.tally(
            {"prompt": len(inputs.prompts), "response": offered},
            {"prompt": len(answered), "response": len(kept)},
        ),
    )


def _fitting(
    prompts: pd.DataFrame, tokenizer: Any, limit: int, quarantine: Quarantine
) -> dict[str, list[int]]:
    fitting = {}
    for prompt, text in zip(prompts["prompt_id"], prompts["messages"], strict=True):
        messages = ids.load_messages(text)
        refused = refusal(tokenizer, messages)
        if refused:
            quarantine.add("prompt", prompt, "template_refuses", refused)
            continue
        tokens = prompt_tokens(tokenizer, messages)
        if len(tokens) <= limit:
            fitting[prompt] = tokens
        else:
            quarantine.add("prompt", prompt, "prompt_too_long", f"{len(tokens)} tokens")
    if not fitting:
        raise UserError(
            f"every prompt that the base takes is longer than generate.max_prompt_tokens ({limit}); raise it",
            code="generate.prompts_too_long",
        )
    return fitting


def _refuse_beyond(most: int, options: Generate) -> None:
    """Stop where a prompt and its response may be longer than what the model reads.

    Raises:
        UserError: says both lengths.
    """
    longest = options.max_prompt_tokens + options.max_new_tokens
    if longest > most:
        raise UserError(
            f"the base reads {most} tokens at once, and generate.max_prompt_tokens + generate.max_new_tokens is "
            f"{longest}; lower one of them",
            code="generate.beyond_window",
        )


def _given(given: pd.DataFrame, tokenizer: Any) -> pd.DataFrame:
    frame = given.sort_values(["prompt_id", "response_id"])
    texts = [inert(tokenizer, text) for text in frame["text"]]
    lengths = [len(t) for t in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
    frame = frame.assign(k=frame.groupby("prompt_id").cumcount(), finish="given", tokens=lengths)
    return frame[schemas.RESPONSES.names]


def _aside(rows: pd.DataFrame, reason: str, quarantine: Quarantine) -> None:
    names = (rows["response_id"] + " k=" + rows["k"].astype(str)).tolist()
    quarantine.add_all("response", names, reason, rows["text"].tolist())
