"""The ledger while work is under way: one SQLite file in which a paid answer is safe when `put` returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from realign.store.database import DIGEST, Database
from realign.store.labels import Label
from realign.store.ledger_rows import check, standing, typed
from realign.store.schemas import LEDGER

Shown = Literal["ab", "ba"]

_TYPES = {"string": "TEXT", "int64": "INTEGER", "bool": "INTEGER", "double": "REAL"}


@dataclass(frozen=True)
class Answer:
    """A judge's answer to one pair in one order: of one paid call, or of all calls so far together.

    Attributes:
        pair_id: the pair.
        fingerprint: of the judge.
        shown: 'ab' or 'ba': which response it saw first.
        text: the raw answer.
        label: what it says of the pair (store.labels.Label); an answer that cannot be read abstains.
        p_a: its probability that a is better.
        rationale: its reason, '' where it gives none; of an abstention, why there is no label.
        calls: calls that it took, repairs included.
        tokens_in: tokens read.
        tokens_out: tokens written.
        seconds: time that it took.
        given_at: when, UTC, ISO 8601.
        cause: the kind of reason for an abstention (labelers.llm_judge.parse); '' where there is a label.
        repair: whether it was asked for because the answer before it could not be read.
        ask_again: whether this abstention is to be replaced by another answer; no part of what is stored.
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
    cause: str = ""
    repair: bool = False
    ask_again: bool = False

    def together(self, later: Answer) -> Answer:
        """Both calls as one answer: the first label counts, else the later abstention, and the costs of both."""
        return replace(
            later if self.label == Label.ABSTAIN else self,
            calls=self.calls + later.calls,
            tokens_in=self.tokens_in + later.tokens_in,
            tokens_out=self.tokens_out + later.tokens_out,
            seconds=self.seconds + later.seconds,
        )


_CALL = [field.name for field in fields(Answer)][:-1]


def _columns() -> str:
    return ", ".join(
        f"{c.name} {_TYPES[str(c.type)]}{'' if c.nullable else ' NOT NULL'}" for c in LEDGER.columns
    )


TABLES = (
    f"CREATE TABLE labels ({_columns()}, {DIGEST}, PRIMARY KEY (label_id))",
    "CREATE INDEX labels_by_pair ON labels (fingerprint, pair_id)",
    # A row a paid call, never changed and never removed: what was paid for stays on the books.
    "CREATE TABLE judge_calls (number INTEGER PRIMARY KEY, pair_id TEXT NOT NULL, fingerprint TEXT NOT NULL, "
    "shown TEXT NOT NULL, text TEXT NOT NULL, label TEXT NOT NULL, p_a REAL NOT NULL, rationale TEXT NOT NULL, "
    "calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, "
    f"given_at TEXT NOT NULL, cause TEXT NOT NULL, repair INTEGER NOT NULL, {DIGEST})",
    "CREATE INDEX calls_by_pair ON judge_calls (fingerprint, pair_id)",
    "CREATE TABLE ask_again (fingerprint TEXT, pair_id TEXT, after INTEGER NOT NULL, PRIMARY KEY (fingerprint, pair_id))",
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
        """Store the answers of paid calls, all or none."""
        with self._db.transaction():
            calls = [
                (number, *astuple(a)[: len(_CALL)]) for number, a in enumerate(answers, self._calls() + 1)
            ]
            self._db.insert("INSERT", "judge_calls", calls)

    def answers(self, fingerprint: str, pairs: Iterable[str]) -> dict[tuple[str, str], Answer]:
        """What one judge answered on these pairs, by (pair id, shown), all calls of an order together."""
        query = (
            f"SELECT {', '.join(_CALL)}, number <= coalesce(after, 0), number "
            "FROM judge_calls LEFT JOIN ask_again USING (fingerprint, pair_id) WHERE fingerprint = :judge"
        )
        known: dict[tuple[str, str], Answer] = {}
        rows = self._db.among(query, "pair_id", pairs, judge=fingerprint)
        for *parts, ask_again, _ in sorted(rows, key=lambda row: int(row["number"])):
            call = replace(Answer(*parts), ask_again=bool(ask_again))
            key = (call.pair_id, call.shown)
            known[key] = known[key].together(call) if key in known else call
        return known

    def knows(self, fingerprint: str) -> bool:
        """Whether this judge has given a label."""
        query = "SELECT 1 FROM judge_calls WHERE fingerprint = :judge AND label <> 'abstain'"
        return self._db.one(query, judge=fingerprint) is not None

    def calls(self, pair: str) -> list[Answer]:
        """Every paid call about a pair, by whichever judge, in the order in which they were answered."""
        query = f"SELECT {', '.join(_CALL)} FROM judge_calls WHERE pair_id = :pair ORDER BY number"
        return [Answer(*row) for row in self._db.all(query, pair=pair)]

    def abstained(self, fingerprint: str) -> list[str]:
        """The pairs on which a judge abstained, once at least."""
        query = (
            "SELECT pair_id FROM labels WHERE fingerprint = :judge AND winner = 'abstain' UNION "
            "SELECT pair_id FROM judge_calls WHERE fingerprint = :judge AND label = 'abstain'"
        )
        return [row["pair_id"] for row in self._db.all(query, judge=fingerprint)]

    def ask_again(self, fingerprint: str, pairs: Iterable[str], cause: str | None = None) -> int:
        """Have abstentions of a judge asked again by whoever labels next; returns on how many pairs.

        Args:
            fingerprint: the judge.
            pairs: on which pairs.
            cause: only abstentions of this cause; None for all of them.
        """
        pairs = list(pairs)
        abstained = [a for a in self.answers(fingerprint, pairs).values() if a.label == Label.ABSTAIN]
        again = {answer.pair_id for answer in abstained if cause in (None, answer.cause)}
        if cause is None:
            labels = self.labels(fingerprint, pairs)
            again |= set(labels.loc[labels["winner"] == Label.ABSTAIN, "pair_id"])
        with self._db.transaction() as db:
            line = "INSERT OR REPLACE INTO ask_again VALUES (?, ?, ?)"
            db.executemany(line, [(fingerprint, pair, self._calls()) for pair in sorted(again)])
        return len(again)

    def asked_again(self, fingerprint: str, pairs: Iterable[str]) -> None:
        """These pairs have been asked again."""
        with self._db.transaction() as db:
            line = "DELETE FROM ask_again WHERE fingerprint = ? AND pair_id = ?"
            db.executemany(line, [(fingerprint, pair) for pair in pairs])

    def _calls(self) -> int:
        """The number of the last call."""
        row = self._db.one("SELECT coalesce(max(number), 0) FROM judge_calls")
        return int(row[0]) if row else 0

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
            same = pd.concat([known, kept], ignore_index=True).duplicated().to_numpy()[len(known) :]
            new = kept[~same]
            rows = new.astype(object).where(new.notna(), None)
            self._db.insert("INSERT OR REPLACE", "labels", rows.itertuples(index=False, name=None))
        return len(kept) - len(known)

    def labels(self, fingerprint: str, pairs: Iterable[str]) -> pd.DataFrame:
        """One labeler's labels of these pairs, without those to be asked again: rows of the ledger table, by label id."""
        again = "(SELECT pair_id FROM ask_again WHERE fingerprint = :labeler)"
        query = f"SELECT {_NAMES} FROM labels WHERE fingerprint = :labeler AND pair_id NOT IN {again}"
        return _frame(self._db.among(query, "pair_id", pairs, labeler=fingerprint))

    def everything(self) -> pd.DataFrame:
        """All labels, by label id."""
        return _frame(self._db.all(f"SELECT {_NAMES} FROM labels"))

    def close(self) -> None:
        """Close the file; the ledger cannot be used after."""
        self._db.close()


def _frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return typed(pd.DataFrame([tuple(row) for row in rows], columns=LEDGER.names))
