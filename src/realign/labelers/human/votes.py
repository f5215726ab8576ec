"""People's votes as rows of the ledger table: how a vote becomes a row, and which rows count as votes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pandas as pd

from realign.store import ids
from realign.store.labels import OUTCOMES, Label
from realign.store.ledger_rows import label_id, typed
from realign.store.schemas import LEDGER

INSTRUCTIONS = "1"
"""Version of the instructions on our page. Raise it when the question changes: the votes then differ."""
ON_PAGE = ids.digest("human", INSTRUCTIONS)
"""Fingerprint of votes given on our page."""
ELSEWHERE = ids.digest("human", "elsewhere")
"""Fingerprint of votes from outside, whose instructions are unknown."""


def frame(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """Votes as rows of the ledger table, by label id.

    Args:
        rows: pair_id, prompt_id, fingerprint, annotator, occasion, winner, rationale (the comment), confidence,
            seconds and given_at (UTC, ISO 8601) of each vote.
    """
    free = {"calls": 0, "tokens_in": 0, "tokens_out": 0, "price": 0.0}
    key = ("pair_id", "fingerprint", "annotator", "occasion")
    whole = [
        {
            **row,
            **free,
            "kind": "human",
            "labeler": "human",
            "label_id": label_id(*(row[name] for name in key)),  # type: ignore[arg-type]
            "p_a": Label(str(row["winner"])).p_a,
        }
        for row in rows
    ]
    return typed(pd.DataFrame(whole, columns=LEDGER.names))


def utc(seconds: float) -> str:
    """Seconds since the epoch as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def counted(labels: pd.DataFrame) -> pd.DataFrame:
    """People's votes, one a person, pair and occasion, in this order; abstentions do not count.

    Where a person answered the same pair under two sets of instructions, the later answer stands.
    """
    votes = labels[(labels["kind"] == "human") & labels["winner"].isin(OUTCOMES)]
    key = ["pair_id", "annotator", "occasion"]
    ordered = (
        votes.assign(order=votes["revision"].astype("float64").fillna(0))
        .sort_values([*key, "order", "given_at", "label_id"], kind="stable")
        .drop_duplicates(key, keep="last")
    )
    return ordered.drop(columns="order").reset_index(drop=True)


def first(labels: pd.DataFrame) -> pd.DataFrame:
    """Votes without the planted repeats: one a person and pair."""
    votes = counted(labels)
    return votes[votes["occasion"] == 0].reset_index(drop=True)
