"""Pairs and people's votes: exported to the field's formats and imported again without loss."""

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

    Known answers are left out, so that hidden checks stay hidden. Label Studio's labeling config is
    written beside its tasks, as `.xml`.

    Args:
        queue: rows of the queue table.
        votes: rows of the ledger table; labels of other pairs, and machines' labels, are not written.
        path: a file that does not exist yet.
        format_: label-studio, jsonl or csv.

    Returns:
        Number of pairs written.

    Raises:
        UserError: unknown format, or the file exists.
    """
    if format_ not in FORMATS:
        raise UserError(
            f"unknown format --to {format_!r}; choose one of {', '.join(FORMATS)}",
            code="votes.unknown_format",
        )
    suffix = ".json" if format_ == "label-studio" else f".{format_}"
    if path.suffix != suffix:
        raise UserError(
            f"{path}: the name of a {format_} file must end in {suffix}, so that it can be imported again",
            code="votes.wrong_suffix",
        )
    config = path.with_suffix(".xml")
    for file in (path, config) if format_ == "label-studio" else (path,):
        if file.exists():
            raise UserError(
                f"{file} already exists. Name another file, or remove it", code="votes.file_exists"
            )
    human = votes[(votes["kind"] == "human") & votes["pair_id"].isin(queue["pair_id"])]
    write_text(path, FORMATS[format_](ordered(queue), human))
    if format_ == "label-studio":
        write_text(config, label_studio.CONFIG)
    return len(queue)


def read(
    path: Path, queue: pd.DataFrame, given_at: str, note: Callable[[str], None] = lambda line: None
) -> pd.DataFrame:
    """Read votes on pairs of a queue: rows of the ledger table, by label id.

    A row is matched to its pair by the content of its texts, or by its pair id where it has no texts; a
    label is swapped where the file shows the responses in the other order. A row without a label is a
    pair that nobody has voted on yet.

    Args:
        path: a .json (Label Studio's JSON export), .jsonl or .csv file.
        queue: rows of the queue table.
        given_at: UTC, ISO 8601: for votes without a time of their own.
        note: called for each row that is left out: it repeats another, or is an annotation without label or owner.

    Raises:
        UserError: the file cannot be read, or a row matches no pair, has an invalid label, annotator or
            confidence, or contradicts a vote; all such rows are listed, and nothing is imported.
    """
    if path.suffix not in _READERS:
        raise UserError(
            f"{path}: votes are read from {', '.join(_READERS)} files. Rename or convert it",
            code="votes.wrong_suffix",
        )
    if not path.is_file():
        raise UserError(f"{path} does not exist. Name the file that holds the votes", code="votes.no_file")
    return matched(_READERS[path.suffix](path), queue, path.name, given_at, note)
