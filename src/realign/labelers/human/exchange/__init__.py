"""Pairs and people's votes, out to the field's formats and back without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from realign.errors import UserError
from realign.labelers.human.exchange import label_studio, plain
from realign.labelers.human.exchange.entries import Entry, matched
from realign.labelers.human.exchange.pairs import ordered
from realign.store.artifacts import write_text

__all__ = ["read", "write"]

FORMATS: dict[str, Callable[[pd.DataFrame, pd.DataFrame], str]] = {
    "label-studio": label_studio.dump,
    "jsonl": plain.dump_jsonl,
    "csv": plain.dump_csv,
}
_READERS: dict[str, Callable[[Path], Iterator[Entry]]] = {
    ".json": label_studio.entries,
    ".jsonl": plain.jsonl_entries,
    ".csv": plain.csv_entries,
}


def write(queue: pd.DataFrame, votes: pd.DataFrame, path: Path, format_: str) -> int:
    """Write the pairs of a queue, the most valuable first, with the people's votes on them.

    Known answers stay at home: a hidden check that is written out is hidden no more. Label Studio's
    labeling config comes beside its tasks, as `.xml`.

    Args:
        queue: rows of the queue table.
        votes: rows of the verdicts table; those on other pairs, and machines', are not written.
        path: a file that does not exist yet.
        format_: label-studio, jsonl or csv.

    Returns:
        Number of pairs written.

    Raises:
        UserError: unknown format, or the file exists.
    """
    if format_ not in FORMATS:
        raise UserError(f"--to {format_!r} is unknown; there are {', '.join(FORMATS)}")
    suffix = ".json" if format_ == "label-studio" else f".{format_}"
    if path.suffix != suffix:
        raise UserError(
            f"{path}: a {format_} file ends in {suffix}, or it could not be read back. Name it so"
        )
    config = path.with_suffix(".xml")
    for file in (path, config) if format_ == "label-studio" else (path,):
        if file.exists():
            raise UserError(f"{file} exists already. Name another file, or remove it")
    human = votes[(votes["kind"] == "human") & votes["pair_id"].isin(queue["pair_id"])]
    write_text(path, FORMATS[format_](ordered(queue), human))
    if format_ == "label-studio":
        write_text(config, label_studio.CONFIG)
    return len(queue)


def read(path: Path, queue: pd.DataFrame, given_at: str) -> pd.DataFrame:
    """Read votes on pairs of a queue: rows of the verdicts table, by verdict id.

    A row finds its pair by the content of its texts, or by its pair id where it has no texts; a label
    that speaks of the file's order is turned to ours. A row without a label is a pair that nobody has
    voted on yet.

    Args:
        path: a .json (Label Studio's JSON export), .jsonl or .csv file.
        queue: rows of the queue table.
        given_at: UTC, ISO 8601: for votes whose file does not say when.

    Raises:
        UserError: the file cannot be read, or a row matches no pair, has no proper label, annotator or
            confidence, or repeats a vote; all such rows are listed, and nothing is taken in.
    """
    if path.suffix not in _READERS:
        raise UserError(f"{path}: votes are read from {', '.join(_READERS)} files. Name it so, or convert it")
    if not path.is_file():
        raise UserError(f"{path} is not there. Name the file that holds the votes")
    return matched(_READERS[path.suffix](path), queue, path.name, given_at)
