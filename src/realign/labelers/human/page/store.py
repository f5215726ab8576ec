"""The votes given on the page: a vote is on disk when the call returns.

`events` is the source of truth, an append-only log; `assignments` holds the state that follows from it,
written in the same transaction. An answer names the round of its assignment, and each round takes one
answer, so a form that is sent twice counts once.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from realign.config.params import People
from realign.labelers.human import votes
from realign.labelers.human.page import queue
from realign.labelers.human.page.assignment import (
    AlreadyAnswered,
    Assignment,
    Choice,
    NotAssigned,
    Person,
    Progress,
    Role,
    Showing,
)
from realign.store.database import DIGEST, Database
from realign.store.host import Host
from realign.store.schemas import QUEUE

LEASE = 30 * 60.0
"""Seconds for which a pair shown to one person is kept from others; longer times are counted as this."""

TABLES = (
    # small columns first: scanning the batch must not read the texts
    "CREATE TABLE pairs (pair_id TEXT PRIMARY KEY, in_batch INTEGER NOT NULL, value REAL NOT NULL, "
    "known TEXT, prompt_id TEXT NOT NULL, response_a TEXT NOT NULL, response_b TEXT NOT NULL, "
    "messages TEXT NOT NULL, text_a TEXT NOT NULL, text_b TEXT NOT NULL)",
    "CREATE INDEX by_value ON pairs (in_batch, value DESC, pair_id, known)",
    "CREATE TABLE people (name TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, "
    "role TEXT NOT NULL, invited INTEGER NOT NULL)",
    "CREATE TABLE assignments (person TEXT NOT NULL, pair_id TEXT NOT NULL, "
    "occasion INTEGER NOT NULL, round INTEGER NOT NULL, state TEXT NOT NULL, place INTEGER NOT NULL, "
    "shown_at REAL NOT NULL, leased_until REAL NOT NULL, PRIMARY KEY (person, pair_id, occasion))",
    "CREATE INDEX by_pair ON assignments (pair_id, occasion, state, leased_until)",
    "CREATE TABLE events (event INTEGER PRIMARY KEY, person TEXT NOT NULL, "
    "pair_id TEXT NOT NULL, occasion INTEGER NOT NULL, round INTEGER NOT NULL, kind TEXT NOT NULL, winner TEXT, "
    "confidence INTEGER, comment TEXT, shown_at REAL NOT NULL, given_at REAL NOT NULL, "
    f"{DIGEST})",
    "CREATE INDEX by_person ON events (person, event)",
    "CREATE UNIQUE INDEX once ON events (person, pair_id, occasion, round, kind = 'undo')",
)
_MINE = "person = :person AND pair_id = :pair AND occasion = :occasion"
_CURRENT = "events e CROSS JOIN assignments a USING (person, pair_id, occasion, round) CROSS JOIN pairs p USING (pair_id)"
_UNSEEN = "p.in_batch = 1 AND NOT EXISTS (SELECT 1 FROM assignments m WHERE m.person = :person AND m.pair_id = p.pair_id)"
_CANDIDATES = (
    "SELECT p.pair_id, (SELECT count(*) FROM assignments a WHERE a.pair_id = p.pair_id AND a.occasion = 0 "
    "AND (a.state = 'voted' OR (a.state = 'open' AND a.leased_until > :now))) AS taken FROM pairs p "
    f"WHERE p.known IS NULL AND {_UNSEEN} ORDER BY p.value DESC, p.pair_id"
)
_GOLD = (
    f"SELECT p.pair_id FROM pairs p WHERE p.known IS NOT NULL AND {_UNSEEN} ORDER BY p.value DESC, p.pair_id"
)
_ANSWERED = (
    f"SELECT pair_id FROM {_CURRENT} WHERE e.person = :person AND a.state = 'voted' AND e.kind = 'vote' "
    "AND e.occasion = 0 AND p.in_batch = 1 AND p.known IS NULL ORDER BY e.event"
)
_REPEATED = "SELECT pair_id FROM assignments WHERE person = :person AND occasion > 0"
_COUNTS = (
    "SELECT p.pair_id, (SELECT count(*) FROM assignments a WHERE a.pair_id = p.pair_id AND a.occasion = 0 "
    "AND a.state = 'voted') AS votes FROM pairs p WHERE p.in_batch = 1 AND p.known IS NULL"
)
_TALLY = (
    "SELECT p.name, p.role, p.invited, "
    "(SELECT count(*) FROM assignments a WHERE a.person = p.name AND a.state = 'voted'), "
    "(SELECT count(*) FROM assignments a WHERE a.person = p.name AND a.state = 'skipped'), "
    "(SELECT count(*) FROM events e WHERE e.person = p.name AND e.kind = 'undo'), "
    "(SELECT max(e.given_at) FROM events e WHERE e.person = p.name) AS last FROM people p ORDER BY p.name"
)


class Store:
    """People, who was shown what, and what they answered. Safe for many threads and several processes.

    Args:
        path: the SQLite file; its folder is created.
        host: the machine's clock.
    """

    def __init__(self, path: Path, host: Host | None = None) -> None:
        self._db = Database(path, TABLES)
        self.host = host or Host()

    def publish(self, batch: pd.DataFrame) -> None:
        """Make this the batch that people vote on; votes on pairs that leave it are kept.

        Args:
            batch: rows of the queue table.
        """
        rows = batch[QUEUE.names].astype(object).where(batch[QUEUE.names].notna(), None)
        marks = ", ".join("?" * len(QUEUE.names))
        with self._db.transaction() as db:
            db.execute("UPDATE pairs SET in_batch = 0")
            db.executemany(
                f"INSERT INTO pairs (in_batch, {', '.join(QUEUE.names)}) VALUES (1, {marks}) ON CONFLICT (pair_id) "
                f"DO UPDATE SET in_batch = 1, {', '.join(f'{name} = excluded.{name}' for name in QUEUE.names[1:])}",
                list(rows.itertuples(index=False, name=None)),
            )

    def invite(self, name: str, role: Role, token: str) -> None:
        """Let whoever has `token` sign in as this person; their earlier token stops working."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO people VALUES (?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET "
                "token_hash = excluded.token_hash, role = excluded.role, invited = 1",
                (name, _hash(token), role),
            )

    def revoke_all(self) -> None:
        """Revoke every invitation; votes are kept."""
        with self._db.transaction() as db:
            db.execute("UPDATE people SET invited = 0")

    def by_token(self, token: str) -> Person | None:
        """The invited person with this token."""
        return self._person("token_hash", _hash(token))

    def by_name(self, name: str) -> Person | None:
        """The person with this name, while invited."""
        return self._person("name", name)

    def next(self, person: str, people: People) -> Assignment | None:
        """The person's open pair, or a new one; None when there is nothing left for them.

        It is the same pair until it is answered, however often it is requested.
        """
        now = self._now()
        row = self._open_pair(person)
        if row is None:
            with self._db.transaction() as db:
                self._assign(db, person, people, now)
            row = self._open_pair(person)
        elif row["leased_until"] < now + LEASE / 2:
            shown = now if row["leased_until"] < now else row["shown_at"]  # they were away, not slow
            with self._db.transaction() as db:
                db.execute(
                    f"UPDATE assignments SET shown_at = :shown, leased_until = :until WHERE {_MINE}",
                    _key(row) | {"shown": shown, "until": now + LEASE},
                )
        if row is None:
            return None
        texts = (row["text_a"], row["text_b"])
        left, right = texts[::-1] if row["occasion"] else texts
        showing = Showing(row["pair_id"], row["occasion"], row["round"])
        return Assignment(showing, row["messages"], left, right)

    def vote(
        self,
        person: str,
        showing: Showing,
        choice: Choice,
        confidence: int | None = None,
        comment: str | None = None,
    ) -> None:
        """Save a vote; it is on disk when this returns.

        Raises:
            NotAssigned: the pair was not assigned to this person.
            AlreadyAnswered: this showing has been answered.
        """
        winner = _sides(showing.occasion).get(choice, choice)
        self._answer(person, showing, "vote", (winner, confidence, comment or None))

    def skip(self, person: str, showing: Showing) -> None:
        """Leave a pair to others.

        Raises:
            NotAssigned: the pair was not assigned to this person.
            AlreadyAnswered: this showing has been answered.
        """
        self._answer(person, showing, "skip", (None, None, None))

    def undo(self, person: str) -> bool:
        """Take back a person's last answer and reopen its pair; False if there is none."""
        with self._db.transaction() as db:
            last = self._last(person)
            if last is not None:
                self._reopen(db, last)
            return last is not None

    def unskip(self, person: str) -> int:
        """Reopen all pairs that a person skipped, the most valuable first; returns how many."""
        with self._db.transaction() as db:
            skipped = self._db.all(
                "SELECT a.* FROM assignments a JOIN pairs p USING (pair_id) WHERE a.person = :person "
                "AND a.state = 'skipped' AND p.in_batch = 1 ORDER BY p.value, p.pair_id DESC",
                person=person,
            )
            for row in skipped:
                self._reopen(db, row)
            return len(skipped)

    def last(self, person: str) -> str | None:
        """A person's last answer as they saw it: left, right, tie, both_bad or skip; None before the first."""
        row = self._last(person)
        if row is None:
            return None
        seen = {winner: side for side, winner in _sides(row["occasion"]).items()}
        return "skip" if row["kind"] == "skip" else seen.get(row["winner"], row["winner"])

    def progress(self, person: str, people: People) -> Progress:
        """A person's progress and pace."""
        rows = self._db.all(
            "SELECT a.state, count(*) FROM assignments a JOIN pairs p USING (pair_id) "
            "WHERE a.person = :person AND p.in_batch = 1 GROUP BY a.state", person=person,
        )  # fmt: skip
        states = {state: count for state, count in rows}  # noqa: C416 (rows are no tuples)
        waiting = self._db.all(
            f"SELECT count(*) FROM ({_CANDIDATES}) WHERE taken < :enough",
            person=person, now=self._now(), enough=people.min_votes,
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
        """All current votes, hidden checks and planted repeats included: rows of the ledger table."""
        return self._last_answers("HAVING e.kind = 'vote'")

    def withdrawn(self) -> pd.DataFrame:
        """Votes that were undone and not given again, as abstentions: rows of the ledger table."""
        undone = self._last_answers("HAVING e.kind != 'vote' AND sum(e.kind = 'vote')")
        return undone.assign(winner="abstain", p_a=0.5)

    def _last_answers(self, having: str) -> pd.DataFrame:
        """The last event of each person, pair and occasion, as a vote."""
        rows = self._db.all(
            "SELECT e.pair_id, p.prompt_id, e.person AS annotator, e.occasion, coalesce(e.winner, 'abstain') AS winner, "
            "e.confidence, e.comment AS rationale, min(:most, e.given_at - e.shown_at) AS seconds, e.given_at, "
            "max(e.event) FROM events e JOIN pairs p USING (pair_id) GROUP BY e.person, e.pair_id, e.occasion " + having,
            most=LEASE,
        )  # fmt: skip
        return votes.frame(
            dict(row)
            | {
                "seconds": round(max(0.0, row["seconds"]), 1),
                "given_at": votes.utc(row["given_at"]),
                "fingerprint": votes.ON_PAGE,
            }
            for row in rows
        )

    def missing(self, people: People) -> int:
        """Number of votes that the batch still needs; 0 once `min_share` of its pairs have `min_votes`."""
        counts = self._counts()
        short = [people.min_votes - count for count in counts if count < people.min_votes]
        return 0 if 1 - len(short) / max(1, len(counts)) >= people.min_share else sum(short)

    def completion(self, people: People) -> tuple[int, int]:
        """Number of the batch's pairs without hidden checks, and how many of them have `min_votes`."""
        counts = self._counts()
        return len(counts), sum(count >= people.min_votes for count in counts)

    def known(self) -> pd.Series:
        """Known answers of the hidden checks by pair id, including those that left the batch."""
        rows = self._db.all("SELECT pair_id, known FROM pairs WHERE known IS NOT NULL ORDER BY pair_id")
        return pd.Series(
            [row["known"] for row in rows], [row["pair_id"] for row in rows], dtype=object, name="known"
        )

    def texts(self, pair_id: str) -> tuple[str, str, str]:
        """Messages as JSON, and the two texts of a published pair."""
        (row,) = self._db.all(
            "SELECT messages, text_a, text_b FROM pairs WHERE pair_id = :pair", pair=pair_id
        )
        return row["messages"], row["text_a"], row["text_b"]

    def tally(self) -> pd.DataFrame:
        """A row a person: annotator, role, invited, current votes, skipped, undone, last_at (UTC)."""
        names = ["annotator", "role", "invited", "votes", "skipped", "undone", "last_at"]
        rows = [
            (*tuple(row)[:-1], votes.utc(row["last"]) if row["last"] else "") for row in self._db.all(_TALLY)
        ]
        return pd.DataFrame(rows, columns=names).astype({"invited": "bool"})

    def version(self) -> int:
        """A number that grows with every answer."""
        return int(self._db.all("SELECT coalesce(max(event), 0) FROM events")[0][0])

    def close(self) -> None:
        """Close the file; the store cannot be used after."""
        self._db.close()

    def _now(self) -> float:
        return self.host.now().timestamp()

    def _person(self, column: str, value: str) -> Person | None:
        row = self._db.one(f"SELECT name, role FROM people WHERE invited AND {column} = :value", value=value)
        return Person(*row) if row else None

    def _open_pair(self, person: str) -> sqlite3.Row | None:
        return self._db.one(
            "SELECT a.*, p.messages, p.text_a, p.text_b FROM assignments a JOIN pairs p USING (pair_id) "
            "WHERE a.person = :person AND a.state = 'open' AND p.in_batch = 1 ORDER BY a.place DESC LIMIT 1",
            person=person,
        )

    def _assign(self, db: sqlite3.Connection, person: str, people: People, now: float) -> None:
        """Assign the next pair, if any, to a person who has none open."""
        (position,) = db.execute("SELECT count(*) FROM assignments WHERE person = ?", (person,)).fetchone()

        def each(query: str) -> Iterator[Any]:
            yield from db.execute(query, {"person": person, "now": now})

        pick = queue.pick(
            candidates=(queue.Candidate(*row) for row in each(_CANDIDATES)),
            gold=(pair for (pair,) in each(_GOLD)),
            answered=(pair for (pair,) in each(_ANSWERED)),
            repeated=(pair for (pair,) in each(_REPEATED)),
            person=person,
            position=position,
            people=people,
        )
        if pick is not None:
            db.execute(
                "INSERT INTO assignments VALUES (?, ?, ?, 0, 'open', ?, ?, ?)",
                (person, pick.pair_id, pick.occasion, self._top(person), now, now + LEASE),
            )

    def _answer(self, person: str, showing: Showing, kind: str, answer: tuple[Any, ...]) -> None:
        mine = {"person": person, "pair": showing.pair_id, "occasion": showing.occasion}
        with self._db.transaction() as db:
            row = self._db.one(f"SELECT * FROM assignments WHERE {_MINE}", **mine)
            if row is None:
                raise NotAssigned(showing.pair_id)
            if row["state"] != "open" or row["round"] != showing.round:
                raise AlreadyAnswered(showing.pair_id)
            self._log(row, kind, answer)
            state = {"vote": "voted", "skip": "skipped"}[kind]
            db.execute(f"UPDATE assignments SET state = :state WHERE {_MINE}", mine | {"state": state})

    def _last(self, person: str) -> sqlite3.Row | None:
        return self._db.one(
            f"SELECT a.*, e.kind, e.winner FROM {_CURRENT} WHERE e.person = :person AND e.kind != 'undo' "
            "AND a.state IN ('voted', 'skipped') AND p.in_batch = 1 ORDER BY e.event DESC LIMIT 1",
            person=person,
        )

    def _reopen(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        now = self._now()
        self._log(row, "undo", (None, None, None))
        db.execute(
            "UPDATE assignments SET state = 'open', round = round + 1, place = :place, shown_at = :now, "
            f"leased_until = :until WHERE {_MINE}",
            _key(row) | {"place": self._top(row["person"]), "now": now, "until": now + LEASE},
        )

    def _log(self, row: sqlite3.Row, kind: str, answer: tuple[Any, ...]) -> None:
        showing = (row["person"], row["pair_id"], row["occasion"], row["round"])
        event = (self.version() + 1, *showing, kind, *answer, row["shown_at"], self._now())
        self._db.insert("INSERT", "events", [event])

    def _top(self, person: str) -> int:
        """The place above all of a person's open pairs."""
        rows = self._db.all("SELECT coalesce(max(place), 0) + 1 FROM assignments WHERE person = :p", p=person)
        return int(rows[0][0])

    def _counts(self) -> list[int]:
        return [row["votes"] for row in self._db.all(_COUNTS)]


def _sides(occasion: int) -> dict[str, str]:
    """Which response each side shows: a repeat swaps them."""
    return {"left": "b", "right": "a"} if occasion else {"left": "a", "right": "b"}


def _key(row: sqlite3.Row) -> dict[str, Any]:
    return {"person": row["person"], "pair": row["pair_id"], "occasion": row["occasion"]}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
