"""Votes as they come in: a vote is safe on disk when the call returns.

`events` is the truth, a log that only grows; `assignments` says where each person stands, written in
the same transaction. An answer names the round of its assignment, and a round takes one answer: a
form that is sent twice cannot count twice.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import People
from realign.labelers.human.page import queue, verdicts
from realign.labelers.human.page.assignment import (
    Answered,
    Assignment,
    Choice,
    NotAssigned,
    Person,
    Progress,
    Role,
    Showing,
)
from realign.labelers.human.page.database import Database
from realign.store.schemas import QUEUE

LEASE = 30 * 60.0
"""Seconds for which a pair that somebody looks at is not handed to others; nobody counts as slower."""

_MINE = "person = :person AND pair_id = :pair AND occasion = :occasion"
_HOLDS = "events e CROSS JOIN assignments a USING (person, pair_id, occasion, round) CROSS JOIN pairs p USING (pair_id)"
_UNSEEN = "p.asked = 1 AND NOT EXISTS (SELECT 1 FROM assignments m WHERE m.person = :person AND m.pair_id = p.pair_id)"
_STANDING = (
    "SELECT p.pair_id, (SELECT count(*) FROM assignments a WHERE a.pair_id = p.pair_id AND a.occasion = 0 "
    "AND (a.state = 'voted' OR (a.state = 'open' AND a.leased_until > :now))) AS taken FROM pairs p "
    f"WHERE p.known IS NULL AND {_UNSEEN} ORDER BY p.value DESC, p.pair_id"
)
_GOLD = (
    f"SELECT p.pair_id FROM pairs p WHERE p.known IS NOT NULL AND {_UNSEEN} ORDER BY p.value DESC, p.pair_id"
)
_FIRST = (
    f"SELECT pair_id FROM {_HOLDS} WHERE e.person = :person AND a.state = 'voted' AND e.kind = 'vote' "
    "AND e.occasion = 0 AND p.asked = 1 AND p.known IS NULL ORDER BY e.event"
)
_AGAIN = "SELECT pair_id FROM assignments WHERE person = :person AND occasion > 0"
_COUNTS = (
    "SELECT p.pair_id, (SELECT count(*) FROM assignments a WHERE a.pair_id = p.pair_id AND a.occasion = 0 "
    "AND a.state = 'voted') AS votes FROM pairs p WHERE p.asked = 1 AND p.known IS NULL"
)
_TALLY = (
    "SELECT p.name, p.role, p.welcome, "
    "(SELECT count(*) FROM assignments a WHERE a.person = p.name AND a.state = 'voted'), "
    "(SELECT count(*) FROM assignments a WHERE a.person = p.name AND a.state = 'skipped'), "
    "(SELECT count(*) FROM events e WHERE e.person = p.name AND e.kind = 'undo'), "
    "(SELECT max(e.given_at) FROM events e WHERE e.person = p.name) AS last FROM people p ORDER BY p.name"
)


class Store:
    """People, who was shown what, and what they answered. Safe for many threads and several processes.

    Args:
        path: the SQLite file; its folder is made.
        clock: seconds since the epoch.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._db = Database(path)
        self._clock = clock

    def publish(self, batch: pd.DataFrame) -> None:
        """Make this the batch that people are asked about; votes on pairs that left it stay.

        Args:
            batch: rows of the queue table.
        """
        rows = batch[QUEUE.names].astype(object).where(batch[QUEUE.names].notna(), None)
        marks = ", ".join("?" * len(QUEUE.names))
        with self._db.whole() as db:
            db.execute("UPDATE pairs SET asked = 0")
            db.executemany(
                f"INSERT INTO pairs (asked, {', '.join(QUEUE.names)}) VALUES (1, {marks}) ON CONFLICT (pair_id) "
                "DO UPDATE SET asked = 1, value = excluded.value, known = excluded.known",
                list(rows.itertuples(index=False, name=None)),
            )

    def invite(self, name: str, role: Role, token: str) -> None:
        """Let the bearer of `token` in as this person; an earlier token of theirs is void."""
        with self._db.whole() as db:
            db.execute(
                "INSERT INTO people VALUES (?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET "
                "token_hash = excluded.token_hash, role = excluded.role, welcome = 1",
                (name, _hash(token), role),
            )

    def dismiss_all(self) -> None:
        """Let nobody in until they are invited again; their votes stay."""
        with self._db.whole() as db:
            db.execute("UPDATE people SET welcome = 0")

    def by_token(self, token: str) -> Person | None:
        """Who this token lets in."""
        return self._person("token_hash", _hash(token))

    def by_name(self, name: str) -> Person | None:
        """The person, as long as they are invited."""
        return self._person("name", name)

    def next(self, person: str, people: People) -> Assignment | None:
        """The pair in front of a person, or a new one; None when nothing waits for them.

        The same pair until it is answered, however often they ask.
        """
        now = self._clock()
        found = self._in_front(person)
        if found is None:
            with self._db.whole() as db:
                self._assign(db, person, people, now)
            found = self._in_front(person)
        elif found["leased_until"] < now + LEASE / 2:
            shown = now if found["leased_until"] < now else found["shown_at"]  # they were away, not slow
            with self._db.whole() as db:
                db.execute(
                    f"UPDATE assignments SET shown_at = :shown, leased_until = :until WHERE {_MINE}",
                    _key(person, found) | {"shown": shown, "until": now + LEASE},
                )
        if found is None:
            return None
        texts = (found["text_a"], found["text_b"])
        left, right = texts[::-1] if found["occasion"] else texts
        showing = Showing(found["pair_id"], found["occasion"], found["round"])
        return Assignment(showing, found["messages"], left, right)

    def vote(
        self,
        person: str,
        showing: Showing,
        choice: Choice,
        confidence: int | None = None,
        comment: str | None = None,
    ) -> None:
        """Write a vote down; it is on disk when this returns.

        Raises:
            NotAssigned: the pair was not given to this person.
            Answered: this showing has its answer.
        """
        winner = _sides(showing.occasion).get(choice, choice)
        self._answer(person, showing, "vote", (winner, confidence, comment or None))

    def skip(self, person: str, showing: Showing) -> None:
        """Pass a pair on to others.

        Raises:
            NotAssigned: the pair was not given to this person.
            Answered: this showing has its answer.
        """
        self._answer(person, showing, "skip", (None, None, None))

    def undo(self, person: str) -> bool:
        """Take a person's last answer back and put its pair in front of them; False without one."""
        with self._db.whole() as db:
            last = self._last(person)
            if last is not None:
                self._reopen(db, person, last)
            return last is not None

    def unskip(self, person: str) -> int:
        """Put all that a person skipped in front of them again, best first; returns how many pairs."""
        with self._db.whole() as db:
            skipped = self._db.all(
                "SELECT a.* FROM assignments a JOIN pairs p USING (pair_id) WHERE a.person = :person "
                "AND a.state = 'skipped' AND p.asked = 1 ORDER BY p.value, p.pair_id DESC",
                person=person,
            )
            for row in skipped:
                self._reopen(db, person, row)
            return len(skipped)

    def last(self, person: str) -> str | None:
        """A person's last answer as they saw it: left, right, tie, both_bad or skip; None without one."""
        found = self._last(person)
        if found is None:
            return None
        seen = {winner: side for side, winner in _sides(found["occasion"]).items()}
        return "skip" if found["kind"] == "skip" else seen.get(found["winner"], found["winner"])

    def progress(self, person: str, people: People) -> Progress:
        """How far a person is, and how fast."""
        rows = self._db.all(
            "SELECT a.state, count(*) FROM assignments a JOIN pairs p USING (pair_id) "
            "WHERE a.person = :person AND p.asked = 1 GROUP BY a.state", person=person,
        )  # fmt: skip
        states = {state: count for state, count in rows}  # noqa: C416 (rows are no tuples)
        waiting = self._db.all(
            f"SELECT count(*) FROM ({_STANDING}) WHERE taken < :enough",
            person=person, now=self._clock(), enough=people.min_votes,
        )[0][0]  # fmt: skip
        times = self._db.all(
            "SELECT min(given_at - shown_at, :most) FROM events WHERE person = :person AND kind = 'vote' "
            "ORDER BY event DESC LIMIT 50", person=person, most=LEASE,
        )  # fmt: skip
        return Progress(
            answered=states.get("voted", 0),
            to_go=queue.to_go(waiting + states.get("open", 0), people),
            skipped=states.get("skipped", 0),
            seconds=float(pd.Series([t for (t,) in times]).median()) if times else None,
        )

    def votes(self) -> pd.DataFrame:
        """The votes that hold, hidden checks and planted repeats included: rows of the verdicts table."""
        rows = self._db.all(
            "SELECT e.pair_id, p.prompt_id, e.person AS annotator, e.occasion, e.winner, e.confidence, "
            "e.comment AS rationale, min(e.given_at - e.shown_at, :most) AS seconds, e.given_at "
            f"FROM {_HOLDS} WHERE a.state = 'voted' AND e.kind = 'vote'", most=LEASE,
        )  # fmt: skip
        return verdicts.frame(dict(row) for row in rows)

    def missing(self, people: People) -> int:
        """Votes that the batch still lacks; 0 once `min_share` of its pairs have `min_votes`."""
        counts = self._counts()
        short = [people.min_votes - votes for votes in counts if votes < people.min_votes]
        return 0 if 1 - len(short) / max(1, len(counts)) >= people.min_share else sum(short)

    def standing(self, people: People) -> tuple[int, int]:
        """The batch's pairs without the hidden checks, and how many of them have `min_votes`."""
        counts = self._counts()
        return len(counts), sum(votes >= people.min_votes for votes in counts)

    def known(self) -> pd.Series:
        """Answers of the hidden checks by pair id, those that left the batch included."""
        rows = self._db.all("SELECT pair_id, known FROM pairs WHERE known IS NOT NULL ORDER BY pair_id")
        return pd.Series(
            [row["known"] for row in rows], [row["pair_id"] for row in rows], dtype=object, name="known"
        )

    def texts(self, pair_id: str) -> tuple[str, str, str]:
        """Messages as JSON, and the two texts of a pair that was published."""
        (row,) = self._db.all(
            "SELECT messages, text_a, text_b FROM pairs WHERE pair_id = :pair", pair=pair_id
        )
        return row["messages"], row["text_a"], row["text_b"]

    def tally(self) -> pd.DataFrame:
        """A row a person: annotator, role, invited, votes that hold, skipped, undone, last_at (UTC)."""
        names = ["annotator", "role", "invited", "votes", "skipped", "undone", "last_at"]
        rows = [
            (*tuple(row)[:-1], verdicts.moment(row["last"]) if row["last"] else "")
            for row in self._db.all(_TALLY)
        ]
        return pd.DataFrame(rows, columns=names).astype({"invited": "bool"})

    def version(self) -> int:
        """A number that grows with every answer."""
        return int(self._db.all("SELECT coalesce(max(event), 0) FROM events")[0][0])

    def close(self) -> None:
        """Close the file; the store cannot be used after."""
        self._db.close()

    def _person(self, column: str, value: str) -> Person | None:
        row = self._db.one(f"SELECT name, role FROM people WHERE welcome AND {column} = :value", value=value)
        return Person(*row) if row else None

    def _in_front(self, person: str) -> sqlite3.Row | None:
        return self._db.one(
            "SELECT a.*, p.messages, p.text_a, p.text_b FROM assignments a JOIN pairs p USING (pair_id) "
            "WHERE a.person = :person AND a.state = 'open' AND p.asked = 1 ORDER BY a.place DESC LIMIT 1",
            person=person,
        )

    def _assign(self, db: sqlite3.Connection, person: str, people: People, now: float) -> None:
        """Put the next pair, if any, in front of a person who has none."""
        (position,) = db.execute("SELECT count(*) FROM assignments WHERE person = ?", (person,)).fetchone()

        def each(line: str) -> Iterator[Any]:
            yield from db.execute(line, {"person": person, "now": now})

        found = queue.pick(
            asked=(queue.Standing(*row) for row in each(_STANDING)),
            gold=(pair for (pair,) in each(_GOLD)),
            answered=(pair for (pair,) in each(_FIRST)),
            repeated=(pair for (pair,) in each(_AGAIN)),
            person=person,
            position=position,
            people=people,
        )
        if found is not None:
            db.execute(
                "INSERT INTO assignments VALUES (?, ?, ?, 0, 'open', ?, ?, ?)",
                (person, found.pair_id, found.occasion, self._top(person), now, now + LEASE),
            )

    def _answer(self, person: str, showing: Showing, kind: str, said: tuple[Any, ...]) -> None:
        mine = {"person": person, "pair": showing.pair_id, "occasion": showing.occasion}
        with self._db.whole() as db:
            found = self._db.one(f"SELECT * FROM assignments WHERE {_MINE}", **mine)
            if found is None:
                raise NotAssigned(showing.pair_id)
            if found["state"] != "open" or found["round"] != showing.round:
                raise Answered(showing.pair_id)
            self._log(db, found, kind, said)
            state = {"vote": "voted", "skip": "skipped"}[kind]
            db.execute(f"UPDATE assignments SET state = :state WHERE {_MINE}", mine | {"state": state})

    def _last(self, person: str) -> sqlite3.Row | None:
        return self._db.one(
            f"SELECT a.*, e.kind, e.winner FROM {_HOLDS} WHERE e.person = :person AND e.kind != 'undo' "
            "AND a.state IN ('voted', 'skipped') AND p.asked = 1 ORDER BY e.event DESC LIMIT 1",
            person=person,
        )

    def _reopen(self, db: sqlite3.Connection, person: str, found: sqlite3.Row) -> None:
        now = self._clock()
        self._log(db, found, "undo", (None, None, None))
        db.execute(
            "UPDATE assignments SET state = 'open', round = round + 1, place = :place, shown_at = :now, "
            f"leased_until = :until WHERE {_MINE}",
            _key(person, found) | {"place": self._top(person), "now": now, "until": now + LEASE},
        )

    def _log(self, db: sqlite3.Connection, found: sqlite3.Row, kind: str, said: tuple[Any, ...]) -> None:
        showing = (found["person"], found["pair_id"], found["occasion"], found["round"])
        db.execute(
            "INSERT INTO events (person, pair_id, occasion, round, kind, winner, confidence, comment, shown_at, "
            "given_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*showing, kind, *said, found["shown_at"], self._clock()),
        )

    def _top(self, person: str) -> int:
        """Where a pair goes that is to lie on top of what is open."""
        rows = self._db.all("SELECT coalesce(max(place), 0) + 1 FROM assignments WHERE person = :p", p=person)
        return int(rows[0][0])

    def _counts(self) -> list[int]:
        return [row["votes"] for row in self._db.all(_COUNTS)]


def _sides(occasion: int) -> dict[str, str]:
    """Which response a side shows: a repeat swaps them."""
    return {"left": "b", "right": "a"} if occasion else {"left": "a", "right": "b"}


def _key(person: str, found: sqlite3.Row) -> dict[str, Any]:
    return {"person": person, "pair": found["pair_id"], "occasion": found["occasion"]}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
