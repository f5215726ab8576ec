"""The ledger while work is under way: one SQLite file in which a paid answer is safe when `put` returns."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import pandas as pd

from realign.store import ids
from realign.store.schemas import LEDGER

Shown = Literal["ab", "ba"]

_CHUNK = 500  # SQLite allows 999 variables in one statement on old builds
_TYPES = {"string": "TEXT", "int64": "INTEGER", "bool": "INTEGER", "double": "REAL"}


@dataclass(frozen=True)
class Answer:
    """A judge's answer to one pair in one order.

    Attributes:
        pair_id: the pair.
        fingerprint: of the judge.
        shown: 'ab' or 'ba': which response it saw first.
        text: the raw answer.
        label: what it says of the pair (store.labels.Label); an answer that cannot be read abstains.
        p_a: its probability that a is better.
        rationale: its reason, '' where it gives none.
        calls: calls that it took, repairs included.
        tokens_in: tokens read.
        tokens_out: tokens written.
        seconds: time that it took.
        given_at: when, UTC, ISO 8601.
    """

    pair_id: str
    fingerprint: str
    shown: Shown
    text: str
    label: str
    p_a: float
    rationale: str
    calls: int
    tokens_in: int
    tokens_out: int
    seconds: float
    given_at: str


def label_id(pair: str, fingerprint: str, annotator: str = "", occasion: int = 0) -> str:
    """The key of a label: the pair names prompt and responses, the fingerprint the whole labeler."""
    return ids.digest("verdict", pair, fingerprint, annotator, str(occasion))


class Ledger:
    """Answers and labels by what they depend on. WAL with full sync: SIGKILL loses nothing stored.

    Any thread may use it, one at a time.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        columns = ", ".join(
            f"{c.name} {_TYPES[str(c.type)]}{'' if c.nullable else ' NOT NULL'}" for c in LEDGER.columns
        )
        self._db.execute(f"CREATE TABLE IF NOT EXISTS labels ({columns}, PRIMARY KEY (label_id))")
        self._db.execute("CREATE INDEX IF NOT EXISTS labels_by_pair ON labels (fingerprint, pair_id)")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS judge_answers (pair_id TEXT, fingerprint TEXT, shown TEXT, "
            "text TEXT NOT NULL, label TEXT NOT NULL, p_a REAL NOT NULL, rationale TEXT NOT NULL, "
            "calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, "
            "seconds REAL NOT NULL, given_at TEXT NOT NULL, PRIMARY KEY (fingerprint, pair_id, shown))"
        )

    def put_answers(self, answers: Sequence[Answer]) -> None:
        """Store answers, all or none; one that is known keeps its first text."""
        marks = ",".join("?" * len(fields(Answer)))
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT OR IGNORE INTO judge_answers VALUES ({marks})", [astuple(a) for a in answers]
            )

    def answers(self, fingerprint: str, pairs: Iterable[str]) -> dict[tuple[str, str], Answer]:
        """The answers that one judge gave on these pairs, by (pair id, shown)."""
        names = ", ".join(f.name for f in fields(Answer))
        rows = self._select(f"SELECT {names} FROM judge_answers", fingerprint, pairs)
        return {(row[0], row[2]): Answer(*row) for row in rows}

    def put(self, labels: pd.DataFrame) -> int:
        """Store labels, all or none; returns how many are new.

        Where two teammates paid for the same label, the one given first holds, for all of them.
        """
        if labels.empty:
            return 0
        rows = labels[LEDGER.names].astype(object).where(labels[LEDGER.names].notna(), None)
        before = self._count()
        update = ", ".join(f"{name} = excluded.{name}" for name in LEDGER.names[1:])
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT INTO labels VALUES ({','.join('?' * len(LEDGER.names))}) "
                f"ON CONFLICT (label_id) DO UPDATE SET {update} "
                "WHERE excluded.given_at < labels.given_at",
                list(rows.itertuples(index=False, name=None)),
            )
        return self._count() - before

    def labels(self, fingerprint: str, pairs: Iterable[str]) -> pd.DataFrame:
        """One labeler's labels of these pairs: rows of the ledger table, by label id."""
        return _frame(self._select(f"SELECT {', '.join(LEDGER.names)} FROM labels", fingerprint, pairs))

    def everything(self) -> pd.DataFrame:
        """All labels, by label id."""
        names = ", ".join(LEDGER.names)
        return _frame(self._db.execute(f"SELECT {names} FROM labels ORDER BY label_id").fetchall())

    def close(self) -> None:
        """Close the file; the ledger cannot be used after."""
        self._db.close()

    def _select(self, what: str, fingerprint: str, pairs: Iterable[str]) -> list[tuple]:  # type: ignore[type-arg]
        found: list[tuple] = []  # type: ignore[type-arg]
        for chunk in _chunks(pairs):
            marks = ",".join("?" * len(chunk))
            line = f"{what} WHERE fingerprint = ? AND pair_id IN ({marks})"
            found += self._db.execute(line, [fingerprint, *chunk]).fetchall()
        return found

    def _count(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM labels").fetchone()[0])


def _frame(rows: list[tuple]) -> pd.DataFrame:  # type: ignore[type-arg]
    frame = pd.DataFrame(rows, columns=LEDGER.names)
    types = {"string": "str", "int64": "int64", "double": "float64"}
    nullable = {"consistent": "boolean", "confidence": "Int64"}  # text has a missing value of its own
    frame = frame.astype({c.name: types[str(c.type)] for c in LEDGER.columns if c.name not in nullable})
    frame = frame.astype(nullable)
    return frame.sort_values("label_id", kind="stable").reset_index(drop=True)


def _chunks(pairs: Iterable[str]) -> Iterator[list[str]]:
    todo = list(pairs)
    for start in range(0, len(todo), _CHUNK):
        yield todo[start : start + _CHUNK]
