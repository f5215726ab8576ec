"""Raw data as tables: rows understood, deduplicated, given content ids, split by hash, the rest set aside."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

import pandas as pd

from realign.config.params import Prepare
from realign.data import lines
from realign.data.raw import REASONS, BadRow, RawResponse, RawRow
from realign.data.sources import AUTO, HUB, LOOKED_AT, Source, find, recognized
from realign.data.text import words
from realign.errors import UserError, listing
from realign.store import ids, schemas
from realign.store.quarantine import Quarantine, Tally

_EARLY = 10_000  # rows after which a file without a usable one is given up


@dataclass(frozen=True)
class Prepared:
    """Raw data of one shape as the prompts, given and scores tables, and what was set aside."""

    source: Source
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
        path: of a format that data.lines reads; not read where `prepare.source` is hub.
        options: the prepare section.
        seed: of the run, for the split and for which prompts stay under a limit.

    Raises:
        UserError: nothing usable is left, or more rows than `prepare.max_share_dropped` are not.
    """
    source, raw_rows = _of_shape(path, options)
    quarantine = Quarantine()
    prompts: dict[str, _Prompt] = {}
    rows_in = rows_out = responses_in = 0
    for place, raw in raw_rows:
        rows_in += 1
        try:
            row = _usable(raw, source, options.max_chars)
            earlier = prompts.get(ids.prompt_id(row.messages))
            if earlier:
                _refuse_contradiction(row, earlier, source)
        except BadRow as bad:
            quarantine.add("row", place, bad.reason, bad.detail)
            if not rows_out and rows_in == _EARLY:
                break
            continue
        rows_out += 1
        responses_in += _collect(prompts, row, place, options, quarantine)
    _refuse_too_many(path, source, options, quarantine, rows_in)
    prompts_in = len(prompts)
    prompts = _limited(prompts, options, seed, quarantine)
    given, scores = _responses(prompts)
    return Prepared(
        source,
        _prompts(prompts, options, seed),
        given,
        scores,
        quarantine,
        quarantine.tally(
            {"row": rows_in, "prompt": prompts_in, "response": responses_in},
            {"row": rows_out, "prompt": len(prompts), "response": len(given)},
        ),
    )


def detected(path: Path, options: Prepare) -> Prepare:
    """The options with `auto` replaced by the shape that the first rows have."""
    if options.shape != AUTO:
        return options
    source, _ = _of_shape(path, options)
    if options.source == HUB:
        return options.model_copy(update={"hub": options.hub.model_copy(update={"shape": source.name})})
    return options.model_copy(update={"source": source.name})


def normalized(text: str) -> str:
    """Text without case, punctuation and repeated blanks: two that are equal here are near-copies."""
    return " ".join(words(text)) or unicodedata.normalize("NFKC", text).casefold().strip()


def _of_shape(path: Path, options: Prepare) -> tuple[Source, Iterator[lines.Raw]]:
    """The raw rows, and their shape."""
    rows = lines.from_hub(options.hub) if options.source == HUB else lines.from_file(path)
    if options.shape != AUTO:
        return find(options), rows
    first = list(islice(rows, LOOKED_AT))
    return recognized([row for _, row in first], _name(path, options)), chain(first, rows)


def _name(path: Path, options: Prepare) -> str:
    return str(options.hub.name) if options.source == HUB else path.name


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


def _refuse_contradiction(row: RawRow, earlier: _Prompt, source: Source) -> None:
    """Refuse another row about a known prompt if it says otherwise, or if its scores are on another scale."""
    if row.rule != earlier.row.rule:
        raise BadRow("rule_conflict", f"{row.rule} here, {earlier.row.rule} in an earlier row")
    fresh = False
    for response in row.responses:
        text = response.text.strip()
        known = earlier.responses.get(text)
        if known is None and not source.joinable:
            raise BadRow("duplicate_prompt", "its responses were compared in another row")
        if known:
            _refuse_conflict(known, response)
            fresh |= bool(response.scores.keys() - known.scores.keys())
    if not source.joinable and not fresh:
        raise BadRow("duplicate_prompt", "another row says the same")


def _refuse_conflict(known: RawResponse, again: RawResponse) -> None:
    for who, score in again.scores.items():
        before = known.scores.get(who, score)
        if before != score:
            raise BadRow(
                "score_conflict", f"{who} gives {score:g} here, {before:g} before: {again.text.strip()}"
            )


def _collect(
    prompts: dict[str, _Prompt], row: RawRow, place: str, options: Prepare, quarantine: Quarantine
) -> int:
    """Add a row's responses to its prompt; returns their number.

    A response that is there already and brings scores of another annotator is not counted: it becomes one with it.
    """
    responses = prompts.setdefault(ids.prompt_id(row.messages), _Prompt(row)).responses
    merged = 0
    for number, response in enumerate(row.responses, start=1):
        where = f"{place} response {number}"
        problem = _unusable(response.text, options.max_chars)
        text = response.text.strip()
        known = responses.get(text)
        if problem:
            quarantine.add("response", where, problem, response.text[:100])
        elif known is None:
            responses[text] = response
        else:
            try:
                _refuse_conflict(known, response)
            except BadRow as bad:
                quarantine.add("response", where, bad.reason, bad.detail)
                continue
            if response.scores.keys() <= known.scores.keys():
                quarantine.add("response", where, "duplicate_text", text)
                continue
            merged += 1
            responses[text] = replace(
                known,
                generator=known.generator or response.generator,
                scores=known.scores | response.scores,
            )
    return len(row.responses) - merged


def _refuse_too_many(
    path: Path, source: Source, options: Prepare, quarantine: Quarantine, rows_in: int
) -> None:
    bad = [(id_, reason, detail) for unit, id_, reason, detail in quarantine.rows if unit == "row"]
    if len(bad) <= options.max_share_dropped * rows_in and len(bad) < rows_in:
        return
    head = (
        f"{_name(path, options)}: {len(bad)} of {rows_in} rows cannot be read as {source.name!r} data "
        f"(prepare.max_share_dropped is {options.max_share_dropped:g}). Mend the rows, or set prepare.source "
        "to the data's shape:"
    )
    counts = Counter(reason for _, reason, _ in bad)
    first = {reason: (id_, detail) for id_, reason, detail in reversed(bad)}
    rows = [
        f"{count} {reason} ({REASONS.get(reason, 'this shape says')}), the first in {first[reason][0]}: "
        f"{first[reason][1]}"
        for reason, count in counts.most_common()
    ]
    raise UserError(listing(head, rows), code="prepare.too_many_bad_rows")


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
