"""Plain JSON lines and CSV: a row a vote, or a row without a label for a pair that has no vote yet.

Columns: pair_id, prompt (text, or messages), response_a, response_b, label (a, b, tie, both_bad,
abstain), annotator, confidence (1 to 3), comment; and, for a lossless round trip, occasion, seconds,
given_at, fingerprint. Required are label and annotator, and either pair_id or prompt with both responses.

A CSV cell that a spreadsheet would run as a formula (it begins with =, +, -, @, tab or return) is
written with a leading apostrophe, which reading removes; the same holds for a cell that begins with an
apostrophe, and for an empty text, as opposed to none. The prompt of a CSV is the text of its only turn,
or JSON messages.
"""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from realign.data import lines
from realign.data.raw import BadRow, as_object, messages_of, text_of
from realign.errors import UserError
from realign.labelers.human.exchange.entries import Entry, Vote, by_pair
from realign.store import ids

_PAIR = ("pair_id", "prompt", "response_a", "response_b")
COLUMNS = (*_PAIR, *Vote.model_fields)
_ESCAPED = ("=", "+", "-", "@", "\t", "\r", "'")


def dump_jsonl(queue: pd.DataFrame, votes: pd.DataFrame) -> str:
    """The queue and its votes as JSON lines."""
    rows = ({key: value for key, value in row.items() if value is not None} for row in _rows(queue, votes))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def dump_csv(queue: pd.DataFrame, votes: pd.DataFrame) -> str:
    """The queue and its votes as CSV, with a byte order mark so that spreadsheets read it as UTF-8."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(queue, votes):
        if not isinstance(row["prompt"], str) or row["prompt"].startswith("["):
            row["prompt"] = ids.dump_messages(_turns(row["prompt"]))
        writer.writerow({key: _escaped(value) for key, value in row.items()})
    return "\ufeff" + stream.getvalue()


def jsonl_entries(path: Path) -> Iterator[Entry]:
    """Rows of a JSON lines file."""
    for place, raw in lines.from_file(path):
        try:
            if isinstance(raw, BadRow):
                raise raw
            yield _entry(place, as_object(raw))
        except BadRow as bad:
            yield Entry(place, vote=bad)


def csv_entries(path: Path) -> Iterator[Entry]:
    """Rows of a CSV file.

    Raises:
        UserError: it is not CSV in UTF-8, or its header lacks a column or has an unknown one.
    """
    csv.field_size_limit(sys.maxsize)  # the module's default, 128 kB, is less than a long response
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(path, reader.fieldnames or [])
            line = reader.line_num + 1
            for row in reader:
                yield _csv_entry(f"{path.name} line {line}", row)
                line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as CSV in UTF-8 ({error}). Save it again as UTF-8 CSV",
            code="votes.not_csv",
        ) from None


def _rows(queue: pd.DataFrame, votes: pd.DataFrame) -> Iterator[dict[str, Any]]:
    grouped = by_pair(votes)
    for pair in queue.itertuples():
        messages = ids.load_messages(str(pair.messages))
        alone = len(messages) == 1 and messages[0]["role"] == "user"
        row = {
            "pair_id": pair.pair_id,
            "prompt": messages[0]["content"] if alone else messages,
            "response_a": pair.text_a,
            "response_b": pair.text_b,
        }
        votes_on_it = [vote.model_dump() for vote in grouped.get(str(pair.pair_id), [])]
        yield from (row | vote for vote in votes_on_it or [{}])


def _entry(place: str, fields: dict[str, object]) -> Entry:
    raw = {key: value for key, value in fields.items() if key not in _PAIR}
    pair, first, second = (
        None if fields.get(key) is None else text_of(fields, key)
        for key in ("pair_id", "response_a", "response_b")
    )
    prompt = fields.get("prompt")
    messages = None if prompt is None else _turns(prompt)
    vote = None if raw.get("label") is None else Vote.read(raw)
    return Entry(place, pair, messages, (first, second), vote)


def _csv_entry(place: str, cells: Mapping[str, Any]) -> Entry:
    try:
        if None in cells or None in cells.values():
            raise BadRow(
                "wrong_cells", "the row and the header differ in their number of cells; is a quote missing?"
            )
        fields: dict[str, Any] = {key: _unescaped(value) for key, value in cells.items()}
        if str(fields.get("prompt")).startswith("["):
            fields["prompt"] = _parsed(fields["prompt"])
        return _entry(place, fields)
    except BadRow as bad:
        return Entry(place, vote=bad)


def _check_header(path: Path, names: Any) -> None:
    problems = [f"column {name!r} is unknown" for name in names if name not in COLUMNS]
    problems += [f"column {name!r} is missing" for name in ("label", "annotator") if name not in names]
    problems += [f"column {name!r} appears twice" for name in {n for n in names if names.count(n) > 1}]
    if problems:
        raise UserError(
            f"{path}: {'; '.join(sorted(problems))}. Columns can be {', '.join(COLUMNS)}",
            code="votes.bad_header",
        )


def _parsed(prompt: str) -> object:
    """JSON messages, or the text itself where it only looks like JSON."""
    try:
        messages = json.loads(prompt)
        messages_of(messages)
    except (ValueError, RecursionError, BadRow):
        return prompt
    return messages


def disarmed(text: str) -> str:
    """A text that no spreadsheet runs as a formula, nor takes for what it is not: with a leading apostrophe."""
    return f"'{text}" if text.startswith(_ESCAPED) else text


def _escaped(value: object) -> str:
    if value is None:
        return ""
    return disarmed(str(value)) or "'"


def _unescaped(cell: str) -> str | None:
    if cell == "":
        return None
    escaped = cell == "'" or (cell[0] == "'" and cell[1:].startswith(_ESCAPED))
    return cell[1:] if escaped else cell


def _turns(prompt: object) -> list[ids.Message]:
    """Messages; a text is what the user says, whatever it looks like."""
    return (
        [{"role": "user", "content": prompt}] if isinstance(prompt, str) and prompt else messages_of(prompt)
    )
