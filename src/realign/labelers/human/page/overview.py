"""What the lead sees: how far the batch is, how well people agree, where they do not."""

from __future__ import annotations

import threading
import time
from typing import Any, Literal

import pandas as pd

from realign.config.params import People
from realign.labelers.human import consensus
from realign.labelers.human.page import pictures
from realign.labelers.human.page.store import Store
from realign.store import ids

DISPUTES = 20
"""Pairs in dispute that the page shows."""

_CONFIDENCE, _RESAMPLES, _SEED = 0.95, 500, 0
_REST = 10  # times as long as the figures take, in which people's pages have the processor to themselves


class Overview:
    """Figures over the votes so far.

    They are made anew when an answer has come in, but not all the time: where they take a second, they
    may be ten seconds old.

    Args:
        store: where the votes are.
        people: the settings.
    """

    def __init__(self, store: Store, people: People) -> None:
        self._store = store
        self._people = people
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}
        self._version, self._until = -1, 0.0

    def facts(self) -> dict[str, Any]:
        """What the template shows."""
        pairs, finished = self._store.standing(self._people)
        people = self.people()
        rows = people.astype(object).where(people.notna(), None).to_dict("records")
        return self._current() | {"pairs": pairs, "finished": finished, "rows": rows}

    def picture(self, name: Literal["agreement", "time"]) -> str:
        """A picture as SVG."""
        if name == "agreement":
            return pictures.agreement(self.people())
        return pictures.time(self._store.votes())

    def people(self) -> pd.DataFrame:
        """A row a person: what they did, how fast, and how far they agree with others and themselves.

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
            began, version = time.monotonic(), self._store.version()
            if version != self._version and began >= self._until:
                self._made, self._version = self._figures(), version
                now = time.monotonic()
                self._until = now + _REST * (now - began)
            return self._made

    def _figures(self) -> dict[str, Any]:
        votes, known = self._store.votes(), self._store.known()
        asked = votes[~votes["pair_id"].isin(known.index)]
        agreed = consensus.aggregate(asked, self._people.consensus, _SEED)
        disputes = consensus.disputes(asked)["pair_id"]
        return {
            "votes": len(votes),
            "alpha": consensus.alpha(asked, _CONFIDENCE, _RESAMPLES, _SEED),
            "measured": measured(votes, agreed, known),
            "disputes": [self._dispute(pair, asked) for pair in disputes[:DISPUTES]],
            "n_disputes": len(disputes),
        }

    def _dispute(self, pair_id: str, asked: pd.DataFrame) -> dict[str, Any]:
        messages, text_a, text_b = self._store.texts(pair_id)
        said = asked[(asked["pair_id"] == pair_id) & (asked["occasion"] == 0)].sort_values("annotator")
        comments = said["rationale"].fillna("")
        return {
            "pair_id": pair_id,
            "messages": ids.load_messages(messages),
            "a": text_a,
            "b": text_b,
            "votes": list(zip(said["annotator"], said["winner"], comments, strict=True)),
        }


def measured(votes: pd.DataFrame, agreed: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    """A row an annotator: median seconds, and the shares that `Overview.people` describes.

    Args:
        votes: rows of the verdicts table.
        agreed: what `consensus.aggregate` returned.
        known: answers of the hidden checks, by pair id.
    """
    shares = {
        "agreement": consensus.agreement(votes[votes["pair_id"].isin(agreed["pair_id"])], agreed),
        "gold": consensus.against_known(votes, known),
        "self": consensus.self_agreement(votes),
    }
    found = votes.groupby("annotator")["seconds"].median().reset_index()
    for name, share in shares.items():
        names = ["annotator", f"{name}_n", name, f"{name}_low", f"{name}_high"]
        found = found.merge(share.set_axis(names, axis=1), on="annotator", how="left")
    return found


def spreadsheet(frame: pd.DataFrame) -> str:
    """CSV whose texts no spreadsheet takes for a formula: such get an apostrophe in front."""
    safe = frame.copy()
    for name in safe.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]]:
        text = safe[name].astype(object)
        risky = text.map(
            lambda value: isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        )
        safe[name] = text.mask(risky, "'" + text.astype(str))
    return safe.to_csv(index=False, lineterminator="\r\n")
