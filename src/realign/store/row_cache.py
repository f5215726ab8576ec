"""Finished rows by their content: a killed stage resumes from them, and later runs reuse them."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_CHUNK = 500  # SQLite allows 999 variables in one statement on old builds


class RowCache:
    """A durable map from a content key to bytes, in one SQLite file.

    A row is on disk when `put` returns (WAL, synchronous=FULL), so SIGKILL loses at most the batch
    that was being computed. Keys must name everything the row depends on.
    """

    def __init__(self, path: Path, version: str = "") -> None:
        self._version = version
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The rows that are known, by key."""
        start = len(self._version)
        wanted = (self._version + key for key in keys)
        return {key[start:]: value for chunk in _chunks(wanted) for key, value in self._fetch(chunk)}

    def put(self, rows: Mapping[str, bytes]) -> None:
        """Store rows, all or none; a key that is known keeps its first value."""
        named = [(self._version + key, value) for key, value in rows.items()]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?)", named)

    def close(self) -> None:
        """Close the file; the store cannot be used after."""
        self._db.close()

    def _fetch(self, chunk: list[str]) -> list[tuple[str, bytes]]:
        marks = ",".join("?" * len(chunk))
        return self._db.execute(f"SELECT key, value FROM rows WHERE key IN ({marks})", chunk).fetchall()


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    todo = list(keys)
    for start in range(0, len(todo), _CHUNK):
        yield todo[start : start + _CHUNK]
