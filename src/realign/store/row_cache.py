"""Finished rows by their content: a killed stage resumes from them, and later runs reuse them."""

import hashlib
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from realign.errors import UserError, on_disk
from realign.store.database import chunks

T = TypeVar("T")
_DIGEST = 16  # bytes
_NOT_DAMAGED = ("FULL", "READONLY", "CANTOPEN", "PERM", "BUSY", "LOCKED")


class RowCache:
    """A durable map from a content key to bytes, in one SQLite file.

    A row is on disk when `put` returns (WAL, synchronous=FULL), so SIGKILL loses at most the batch
    that was being computed. Keys must name everything the row depends on. Every row has a digest, and one
    that is not what was put is not known. A file that is damaged is set aside and begun anew.

    Raises:
        UserError: the folder is full or cannot be written.
    """

    def __init__(self, path: Path, version: str = "") -> None:
        self._path, self._version = path, version
        with on_disk(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._mended(self._open)

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The rows that are known, by key."""
        wanted = [self._version + key for key in keys]
        kept = self._mended(lambda: dict(row for chunk in chunks(wanted) for row in self._fetch(chunk)))
        sound = {key: value[_DIGEST:] for key, value in kept.items() if _is_sound(key, value)}
        changed = [(key,) for key in kept.keys() - sound.keys()]
        if changed:
            self._mended(lambda: self._write("DELETE FROM rows WHERE key = ?", changed))
        start = len(self._version)
        return {key[start:]: value for key, value in sound.items()}

    def put(self, rows: Mapping[str, bytes]) -> None:
        """Store rows, all or none; a key that is known keeps its first value."""
        named = [(self._version + key, value) for key, value in rows.items()]
        checked = [(key, _digest(key, value) + value) for key, value in named]
        self._mended(lambda: self._write("INSERT OR IGNORE INTO rows VALUES (?, ?)", checked))

    def close(self) -> None:
        """Close the file; the store cannot be used after."""
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _fetch(self, chunk: Sequence[str]) -> list[tuple[str, bytes]]:
        marks = ",".join("?" * len(chunk))
        # As bytes, because a flipped bit may have changed a type, or be no UTF-8.
        query = f"SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM rows WHERE key IN ({marks})"
        return [(key.decode(errors="replace"), value or b"") for key, value in self._db.execute(query, chunk)]

    def _write(self, statement: str, rows: list[tuple[str, bytes]] | list[tuple[str]]) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)

    def _mended(self, work: Callable[[], T]) -> T:
        """What `work` returns; if the file turns out to be damaged, what it returns on a new one."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            name, why = getattr(error, "sqlite_errorname", ""), str(error)
            if not name:
                raise
        if name.removeprefix("SQLITE_").startswith(_NOT_DAMAGED):
            raise UserError(
                f"{self._path} cannot be used ({why}). Its folder must be writable and have room",
                code="disk.unusable",
            )
        self._set_aside(why)
        return work()

    def _set_aside(self, why: str) -> None:
        """Move a damaged file away, and open a new one unless that is what failed."""
        opened = hasattr(self, "_db")
        if opened:
            self._db.close()
        aside = self._path.with_name(f"{self._path.name}.damaged")
        with on_disk(self._path.parent):
            for ending in ("-wal", "-shm", ""):
                part = self._path.with_name(self._path.name + ending)
                if part.exists():
                    part.replace(aside.with_name(aside.name + ending))
        print(
            f"{self._path} is damaged ({why}): it is now {aside.name}, and its rows are computed again",
            file=sys.stderr,
        )
        if opened:
            self._db = self._open()


def _digest(key: str, value: bytes) -> bytes:
    return hashlib.blake2b(key.encode() + value, digest_size=_DIGEST).digest()


def _is_sound(key: str, value: bytes) -> bool:
    return value[:_DIGEST] == _digest(key, value[_DIGEST:])
