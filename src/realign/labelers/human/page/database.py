"""The SQLite file: its tables, one connection behind a lock, durable transactions."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TABLES = (
    # small columns first: scanning the batch must not read the texts
    "CREATE TABLE IF NOT EXISTS pairs (pair_id TEXT PRIMARY KEY, in_batch INTEGER NOT NULL, value REAL NOT NULL, "
    "known TEXT, prompt_id TEXT NOT NULL, response_a TEXT NOT NULL, response_b TEXT NOT NULL, "
    "messages TEXT NOT NULL, text_a TEXT NOT NULL, text_b TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_value ON pairs (in_batch, value DESC, pair_id, known)",
    "CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, "
    "role TEXT NOT NULL, invited INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS assignments (person TEXT NOT NULL, pair_id TEXT NOT NULL, "
    "occasion INTEGER NOT NULL, round INTEGER NOT NULL, state TEXT NOT NULL, place INTEGER NOT NULL, "
    "shown_at REAL NOT NULL, leased_until REAL NOT NULL, PRIMARY KEY (person, pair_id, occasion))",
    "CREATE INDEX IF NOT EXISTS by_pair ON assignments (pair_id, occasion, state, leased_until)",
    "CREATE TABLE IF NOT EXISTS events (event INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, "
    "pair_id TEXT NOT NULL, occasion INTEGER NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL, winner TEXT, "
    "confidence INTEGER, comment TEXT, shown_at REAL NOT NULL, given_at REAL NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_person ON events (person, event)",
    "CREATE UNIQUE INDEX IF NOT EXISTS once ON events (person, pair_id, occasion, round, kind = 'undo')",
)


class Database:
    """One connection for all threads of a process; other processes wait for its transactions.

    Args:
        path: the file; its folder is created.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self.transaction():
            for line in _TABLES:
                self._db.execute(line)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on disk at the end."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def all(self, query: str, **values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def one(self, query: str, **values: Any) -> sqlite3.Row | None:
        """The first row of a query; None if there is none."""
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
        return row

    def close(self) -> None:
        """Close the file."""
        self._db.close()
