"""One SQLite file that must not be lost: durable transactions, every row checked when it is opened."""

import contextlib
import hashlib
import itertools
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from realign.errors import UserError, listing

DIGEST = "digest TEXT NOT NULL"
"""The last column of a table whose rows are checked; `Database.insert` fills it."""
_CHUNK = 500  # SQLite allows 999 variables in one statement on old builds
_KINDS: dict[str, Callable[[Any], Any]] = {"TEXT": str, "INTEGER": int, "REAL": float}
_HEAD = b"SQLite format 3\0"
_OUTSIDE = ("BUSY", "LOCKED", "FULL", "READONLY", "CANTOPEN", "IOERR", "PERM")


class Database:
    """One connection for all threads of a process; other processes wait for its transactions.

    SIGKILL loses nothing that was committed (WAL, full sync). A file that is there is never started empty.

    Args:
        path: the file; made whole, with its folder, where there is none.
        tables: the statements that make its tables and indexes.

    Raises:
        UserError: the file is damaged (the message says how to salvage it), or cannot be used.
    """

    def __init__(self, path: Path, tables: Sequence[str]) -> None:
        self._path, self._lock = path, threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            if not path.exists():
                self._create(tables)
            with path.open("rb") as stream:
                if stream.read(len(_HEAD)) != _HEAD:  # SQLite takes an empty file for a new one
                    self._refuse(["it does not begin like an SQLite file"])
            self._db = _connect(path)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._check(tables)
            self._db.row_factory = sqlite3.Row

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on disk at the end."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def all(self, query: str, **values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._lock, self._errors():
            return self._db.execute(query, values).fetchall()

    def one(self, query: str, **values: Any) -> sqlite3.Row | None:
        """The first row of a query; None if there is none."""
        with self._lock, self._errors():
            row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
        return row

    def among(self, query: str, column: str, keys: Iterable[str], **values: Any) -> list[sqlite3.Row]:
        """Every row of a query, which ends in a condition, whose column is one of these keys."""
        rows = []
        for chunk in chunks(list(keys)):
            named = {f"key{at}": key for at, key in enumerate(chunk)}
            marks = ", ".join(f":{name}" for name in named)
            rows += self.all(f"{query} AND {column} IN ({marks})", **values, **named)
        return rows

    def insert(self, how: str, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Insert whole rows with their digests, within a transaction; `how` as in INSERT OR IGNORE."""
        columns = self._db.execute(f"PRAGMA table_info({table})").fetchall()
        kinds = [_KINDS[kind] for _, _, kind, *_ in columns[:-1]]
        marks = ", ".join("?" * len(columns))
        for row in rows:  # as SQLite will give it back, whatever type of number it came as
            plain = tuple(None if part is None else kind(part) for kind, part in zip(kinds, row, strict=True))
            self._db.execute(f"{how} INTO {table} VALUES ({marks})", (*plain, _digest(plain)))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _create(self, tables: Sequence[str]) -> None:
        """Make the whole file under another name first: one that is there is never half made."""
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists():
            self._refuse(
                [f"it is gone, and {log} holds its last changes: restore it, or move that file away"]
            )
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        made = _connect(draft)
        for line in tables:
            made.execute(line)
        made.close()
        with contextlib.suppress(FileExistsError):
            os.link(draft, self._path)  # atomic, and never overwrites another process's file
        draft.unlink()

    def _check(self, tables: Sequence[str]) -> None:
        """Pages, indexes, tables, and every row that carries a digest."""
        problems = [line for (line,) in self._db.execute("PRAGMA integrity_check(5)") if line != "ok"]
        if {line for (line,) in self._db.execute("SELECT sql FROM sqlite_master WHERE sql > ''")} != set(
            tables
        ):
            problems.append("its tables are not those of this version of realign")
        for table in _names(tables) if not problems else ():
            rows = self._db.execute(f"SELECT * FROM {table}")
            changed = sum(not _sound(row, rows.description) for row in rows)
            if changed:
                problems.append(f"{changed} row(s) of {table} are not what was written")
        if problems:
            self._refuse(problems)

    def _refuse(self, problems: Sequence[str]) -> None:
        raise UserError(
            listing(f"{self._path} is damaged:", problems)
            + "\nIt may hold what is nowhere else, so it is left as it is and not started empty. If you have no sound copy "
            "of it, save what can be read and take in the batches again with: realign ledger salvage",
            code="database.damaged",
        )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise SQLite's errors as errors for a person."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # of our own statements
        except sqlite3.Error as error:
            if not getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").startswith(_OUTSIDE):
                self._refuse([str(error)])
            raise UserError(
                f"{self._path} cannot be used ({error}). Its folder must be writable and have room, and no other "
                "program may hold it for longer than a minute",
                code="database.unusable",
            ) from None


def salvage(path: Path, tables: Sequence[str]) -> int:
    """Make a damaged file anew of the rows that can still be read and are what was written; returns how many.

    The damaged file stays beside it, as `.damaged`.
    """
    copies = (path.with_name(f"{path.name}.damaged{number or ''}") for number in itertools.count())
    copy = next(name for name in copies if not name.exists())
    fresh = path.with_name(f"{path.name}.salvaged")
    fresh.unlink(missing_ok=True)
    for ending in ("-wal", ""):
        if (part := path.with_name(path.name + ending)).exists():
            shutil.copyfile(part, copy.with_name(copy.name + ending))
    damaged, made = _connect(copy), _connect(fresh)
    damaged.text_factory = lambda text: text.decode(
        errors="replace"
    )  # what was not written like this is left out
    for line in tables:
        made.execute(line)
    count = 0
    for table in _names(tables):
        kept = dict(_readable(damaged, table))
        for _, row in sorted(kept.items()):
            with contextlib.suppress(sqlite3.IntegrityError):
                marks = ", ".join("?" * len(row))
                count += made.execute(f"INSERT INTO {table} VALUES ({marks})", row).rowcount
    damaged.close()
    made.close()
    path.with_name(f"{path.name}-wal").unlink(missing_ok=True)  # it belongs to the damaged file
    fresh.replace(path)
    return count


def _readable(damaged: sqlite3.Connection, table: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The sound rows of a table by their number, from both ends up to where it cannot be read."""
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error):
            damaged.execute("PRAGMA writable_schema = ON")  # a file that is too short is read all the same
            rows = damaged.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid {order}")
            yield from ((row[0], row[1:]) for row in rows if _sound(row[1:], rows.description))


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The keys in parts that one statement can name."""
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]


def _names(tables: Sequence[str]) -> list[str]:
    return [line.split()[2] for line in tables if line.startswith("CREATE TABLE")]


def _sound(row: Sequence[Any], columns: Sequence[tuple[Any, ...]]) -> bool:
    """Whether a row is what was written, as far as its table carries digests."""
    return columns[-1][0] != "digest" or bool(_digest(row[:-1]) == row[-1])


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)


def _digest(row: Sequence[Any]) -> str:
    return hashlib.sha256(repr(row).encode()).hexdigest()[:20]
