"""The lead's overview: progress of the batch, how well people agree, and where they do not."""

import threading
from typing import Any, Literal

import pandas as pd

from realign.config.params import People
from realign.evaluation.intervals import Resampling
from realign.labelers.human import consensus
from realign.labelers.human.exchange.plain import disarmed
from realign.labelers.human.page import pictures
from realign.labelers.human.page.store import Store
from realign.store import ids

DISPUTES = 20
"""Disputed pairs that the page shows."""

_REST = 10  # pause after computing the figures, in multiples of the time they took: people's pages come first


class Overview:
    """Figures over the votes so far.

    They are recomputed when a new answer has come in, but only so often: figures that take one second to
    compute may be ten seconds old.

    Args:
        store: the votes.
        people: the settings.
        how: how intervals are made.
    """

    def __init__(self, store: Store, people: People, how: Resampling) -> None:
        self._store = store
        self._people = people
        self._how = how
        self._lock = threading.Lock()
        self._figures: dict[str, Any] = {}
        self._version, self._until = -1, 0.0

    def facts(self) -> dict[str, Any]:
        """The values of the template."""
        pairs, finished = self._store.completion(self._people)
        people = self.people()
        rows = people.astype(object).where(people.notna(), None).to_dict("records")
        confidence = self._how.confidence
        return self._current() | {
            "pairs": pairs,
            "finished": finished,
            "rows": rows,
            "confidence": confidence,
        }

    def picture(self, name: Literal["agreement", "time"]) -> str:
        """A chart as SVG."""
        if name == "agreement":
            return pictures.agreement(self.people())
        return pictures.time(self._store.votes())

    def people(self) -> pd.DataFrame:
        """A row a person: their work, pace, and agreement with others and themselves.

        Columns: annotator, role, invited, votes, skipped, undone, last_at, seconds (median a pair), and a
        share with its interval and count (x_n, x, x_low, x_high) for agreement (with the consensus),
        gold (with known answers) and self (with their own answer, where a pair was shown again).
        """
        return self._store.tally().merge(self._current()["measured"], on="annotator", how="left")

    def csv(self, name: Literal["votes", "people"]) -> str:
        """A table for a spreadsheet."""
        return spreadsheet(self._store.votes() if name == "votes" else self.people())

    def _current(self) -> dict[str, Any]:
        with self._lock:
            began, version = self._store.host.monotonic(), self._store.version()
            if version != self._version and began >= self._until:
                self._figures, self._version = self._compute(), version
                now = self._store.host.monotonic()
                self._until = now + _REST * (now - began)
            return self._figures

    def _compute(self) -> dict[str, Any]:
        votes, known = self._store.votes(), self._store.known()
        unknown = votes[~votes["pair_id"].isin(known.index)]
        agreed = consensus.aggregate(unknown, self._people.consensus, self._how.seed)
        disputes = consensus.disputes(unknown)["pair_id"]
        how = self._how
        return {
            "votes": len(votes),
            "alpha": consensus.alpha(unknown, how.confidence, how.resamples, how.seed),
            "measured": measured(votes, agreed, known, how.confidence),
            "disputes": [self._dispute(pair, unknown) for pair in disputes[:DISPUTES]],
            "n_disputes": len(disputes),
        }

    def _dispute(self, pair_id: str, votes: pd.DataFrame) -> dict[str, Any]:
        messages, text_a, text_b = self._store.texts(pair_id)
        rows = votes[(votes["pair_id"] == pair_id) & (votes["occasion"] == 0)].sort_values("annotator")
        comments = rows["rationale"].fillna("")
        return {
            "pair_id": pair_id,
            "messages": ids.load_messages(messages),
            "a": text_a,
            "b": text_b,
            "votes": list(zip(rows["annotator"], rows["winner"], comments, strict=True)),
        }


def measured(votes: pd.DataFrame, agreed: pd.DataFrame, known: pd.Series, confidence: float) -> pd.DataFrame:
    """A row an annotator: median seconds, and the shares that `Overview.people` describes.

    Args:
        votes: rows of the ledger table.
        agreed: the result of `consensus.aggregate`.
        known: answers of the hidden checks, by pair id.
        confidence: of the intervals.
    """
    shares = {
        "agreement": consensus.agreement(votes[votes["pair_id"].isin(agreed["pair_id"])], agreed, confidence),
        "gold": consensus.against_known(votes, known, confidence),
        "self": consensus.self_agreement(votes, confidence),
    }
    people = votes.groupby("annotator")["seconds"].median().reset_index()
    for name, share in shares.items():
        names = ["annotator", f"{name}_n", name, f"{name}_low", f"{name}_high"]
        people = people.merge(share.set_axis(names, axis=1), on="annotator", how="left")
    return people


def spreadsheet(frame: pd.DataFrame) -> str:
    """CSV in which no text is taken for a formula by a spreadsheet: those get a leading apostrophe."""
    texts = frame.select_dtypes(exclude="number")
    safe = texts.map(lambda value: disarmed(value) if isinstance(value, str) else value)
    return frame.assign(**safe).to_csv(index=False, lineterminator="\r\n")
