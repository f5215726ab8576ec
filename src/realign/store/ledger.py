"""The ledger while work is under way: one SQLite file in which a paid answer is safe when `put` returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from realign.store.database import DIGEST, Database
from realign.store.ledger_rows import check, standing, typed
from realign.store.schemas import LEDGER

Shown = Literal["ab", "ba"]

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


def _columns() -> str:
    return ", ".join(
        f"{c.name} {_TYPES[str(c.type)]}{'' if c.nullable else ' NOT NULL'}" for c in LEDGER.columns
    )


TABLES = (
    f"CREATE TABLE labels ({_columns()}, {DIGEST}, PRIMARY KEY (label_id))",
    "CREATE INDEX labels_by_pair ON labels (fingerprint, pair_id)",
    "CREATE TABLE judge_answers (pair_id TEXT, fingerprint TEXT, shown TEXT, text TEXT NOT NULL, label TEXT NOT NULL, "
    "p_a REAL NOT NULL, rationale TEXT NOT NULL, calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL, "
    f"tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, given_at TEXT NOT NULL, {DIGEST}, "
    "PRIMARY KEY (fingerprint, pair_id, shown))",
)
_NAMES = ", ".join(LEDGER.names)


class Ledger:
    """Answers and labels by what they depend on: what is stored outlives SIGKILL.

    Any thread may use it, one at a time.

    Raises:
        UserError: the file is damaged, or cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._db = Database(path, TABLES)

    def put_answers(self, answers: Sequence[Answer]) -> None:
        """Store answers, all or none; one that is known keeps its first text."""
        with self._db.transaction():
            self._db.insert("INSERT OR IGNORE", "judge_answers", map(astuple, answers))

    def answers(self, fingerprint: str, pairs: Iterable[str]) -> dict[tuple[str, str], Answer]:
        """The answers that one judge gave on these pairs, by (pair id, shown)."""
        names = ", ".join(f.name for f in fields(Answer))
        query = f"SELECT {names} FROM judge_answers WHERE fingerprint = :judge"
        rows = self._db.among(query, "pair_id", pairs, judge=fingerprint)
        return {(row["pair_id"], row["shown"]): Answer(*row) for row in rows}

    def put(self, labels: pd.DataFrame) -> int:
        """Store labels, all or none; returns how many are new. Of several with one key the `standing` one is kept.

        Raises:
            UserError: lists labels that cannot be right; nothing is stored.
        """
        check(labels, "the ledger was given")
        with self._db.transaction():
            query = f"SELECT {_NAMES} FROM labels WHERE TRUE"
            known = _frame(self._db.among(query, "label_id", labels["label_id"]))
            parts = [part for part in (known, labels[LEDGER.names]) if len(part)]
            kept = standing(pd.concat(parts)) if parts else known
            new = kept[kept.merge(known, how="left", indicator=True)["_merge"] == "left_only"]
            rows = new.astype(object).where(new.notna(), None)
            self._db.insert("INSERT OR REPLACE", "labels", rows.itertuples(index=False, name=None))
        return len(kept) - len(known)

    def labels(self, fingerprint: str, pairs: Iterable[str]) -> pd.DataFrame:
        """One labeler's labels of these pairs: rows of the ledger table, by label id."""
        query = f"SELECT {_NAMES} FROM labels WHERE fingerprint = :labeler"
        return _frame(self._db.among(query, "pair_id", pairs, labeler=fingerprint))

    def everything(self) -> pd.DataFrame:
        """All labels, by label id."""
        return _frame(self._db.all(f"SELECT {_NAMES} FROM labels"))

    def close(self) -> None:
        """Close the file; the ledger cannot be used after."""
        self._db.close()


def _frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return typed(pd.DataFrame([tuple(row) for row in rows], columns=LEDGER.names))
