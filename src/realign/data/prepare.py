"""Raw data as tables: rows understood, deduplicated, given content ids, split by hash, the rest set aside."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from realign.config.params import Prepare
from realign.data import lines
from realign.data.raw import BadRow, RawResponse, RawRow
from realign.data.sources import HUB, Source, find
from realign.errors import UserError, listing
from realign.store import ids, schemas
from realign.store.quarantine import Quarantine, Tally


@dataclass(frozen=True)
class Prepared:
    """Raw data as the prompts, given and scores tables, and what was set aside."""

    prompts: pd.DataFrame
    given: pd.DataFrame
    scores: pd.DataFrame
    quarantine: Quarantine
    tally: Tally


@dataclass
class _Prompt:
    row: RawRow
    responses: dict[str, RawResponse] = field(default_factory=dict)


def prepare(path: Path, options: Prepare, seed: int) -> Prepared:
    """Read every raw row once; keep the usable ones, set the others aside with a reason.

    Args:
        path: JSON lines, plain or .gz; not read where `prepare.source` is hub.
        options: the prepare section.
        seed: of the run, for the split and for which prompts stay under a limit.

    Raises:
        UserError: nothing usable is left, or more rows than `prepare.max_share_dropped` are not.
    """
    source = find(options)
    quarantine = Quarantine()
    prompts: dict[str, _Prompt] = {}
    rows_in = rows_out = responses_in = 0
    for place, raw in _rows(path, options):
        rows_in += 1
        try:
            row = _usable(raw, source, options.max_chars)
            if not source.joinable and ids.prompt_id(row.messages) in prompts:
                raise BadRow("duplicate_prompt", "its responses were compared in another row")
        except BadRow as bad:
            quarantine.add("row", place, bad.reason, bad.detail)
            continue
        rows_out += 1
        responses_in += len(row.responses)
        _collect(prompts, row, place, options, quarantine)
    _refuse_too_many(path, options, quarantine, rows_in)
    prompts_in = len(prompts)
    prompts = _limited(prompts, options, seed, quarantine)
    given, scores = _responses(prompts)
    return Prepared(
        _prompts(prompts, options, seed),
        given,
        scores,
        quarantine,
        quarantine.tally(
            {"row": rows_in, "prompt": prompts_in, "response": responses_in},
            {"row": rows_out, "prompt": len(prompts), "response": len(given)},
        ),
    )


def normalized(text: str) -> str:
    """Text without case, punctuation and repeated blanks: two that are equal here are near-copies."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+", folded)) or folded.strip()


def _rows(path: Path, options: Prepare) -> Iterator[lines.Raw]:
    return lines.from_hub(options.hub) if options.source == HUB else lines.from_file(path)


def _usable(raw: object, source: Source, max_chars: int) -> RawRow:
    if isinstance(raw, BadRow):
        raise raw
    row = source.read(raw)
    for message in row.messages:
        problem = _unusable(message["content"], max_chars)
        if problem:
            raise BadRow(f"prompt_{problem}", message["content"][:100])
    return row


def _unusable(text: str, max_chars: int) -> str | None:
    if not text:
        return "empty"
    if not text.strip():
        return "blank"
    if len(text) > max_chars:
        return "too_long"
    if "\0" in text:
        return "nul_character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "not_unicode"
    return None


def _collect(
    prompts: dict[str, _Prompt], row: RawRow, place: str, options: Prepare, quarantine: Quarantine
) -> None:
    prompt = ids.prompt_id(row.messages)
    entry = prompts.setdefault(prompt, _Prompt(row))
    for number, response in enumerate(row.responses, start=1):
        where = f"{place} response {number}"
        problem = _unusable(response.text, options.max_chars)
        text = response.text.strip()
        if problem:
            quarantine.add("response", where, problem, response.text[:100])
        elif text in entry.responses:
            quarantine.add("response", where, "duplicate_text", text)
        else:
            entry.responses[text] = response


def _refuse_too_many(path: Path, options: Prepare, quarantine: Quarantine, rows_in: int) -> None:
    bad = [(id_, reason, detail) for unit, id_, reason, detail in quarantine.rows if unit == "row"]
    if len(bad) > options.max_share_dropped * rows_in or len(bad) == rows_in:
        what = options.hub.name if options.source == HUB else path.name
        head = (
            f"{what}: {len(bad)} of {rows_in} rows cannot be read as {options.source!r} data "
            f"(prepare.max_share_dropped is {options.max_share_dropped:g}). Mend the rows, or set prepare.source "
            "to the data's shape:"
        )
        rows = [f"{id_}: {reason}: {detail}" for id_, reason, detail in bad]
        raise UserError(listing(head, rows, 8), code="prepare.too_many_bad_rows")


def _limited(
    prompts: dict[str, _Prompt], options: Prepare, seed: int, quarantine: Quarantine
) -> dict[str, _Prompt]:
    order = sorted(prompts, key=lambda p: ids.digest("limit", str(seed), p))
    keep = order[: options.max_prompts]
    for prompt in order[len(keep) :]:
        quarantine.add("prompt", prompt, "over_max_prompts")
        for text in prompts[prompt].responses:
            quarantine.add("response", ids.response_id(prompt, text), "over_max_prompts")
    for prompt in keep:
        texts = prompts[prompt].responses
        # by hash, not by score or place: which responses stay must not favor any of them
        ranked = sorted(texts, key=lambda t: ids.response_id(prompt, t))
        for text in ranked[options.max_responses :]:
            quarantine.add("response", ids.response_id(prompt, text), "over_max_responses", text)
            del texts[text]
    return {prompt: prompts[prompt] for prompt in keep}


def _prompts(prompts: dict[str, _Prompt], options: Prepare, seed: int) -> pd.DataFrame:
    rows = []
    for prompt, entry in prompts.items():
        first = next(m["content"] for m in entry.row.messages if m["role"] == "user")
        group = ids.digest("group", normalized(first))
        held_out = ids.uniform("split", str(seed), group) < options.eval_share
        split = "eval" if held_out else "train"
        rows.append((prompt, ids.dump_messages(entry.row.messages), split, group, entry.row.rule))
    return pd.DataFrame(rows, columns=schemas.PROMPTS.names)


def _responses(prompts: dict[str, _Prompt]) -> tuple[pd.DataFrame, pd.DataFrame]:
    given, scores = [], []
    for prompt, entry in prompts.items():
        for text, response in entry.responses.items():
            id_ = ids.response_id(prompt, text)
            given.append((prompt, id_, text, response.generator))
            scores += [(prompt, id_, who, score) for who, score in response.scores.items()]
    return (
        pd.DataFrame(given, columns=schemas.GIVEN.names),
        pd.DataFrame(scores, columns=schemas.SCORES.names),
    )
