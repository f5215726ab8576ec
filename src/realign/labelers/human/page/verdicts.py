"""Votes as rows of the verdicts table, so that people and judges stand in one ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from realign.labelers.human.consensus.votes import P_A
from realign.store import ids
from realign.store.ledger import label_id
from realign.store.schemas import LEDGER

INSTRUCTION = "1"
"""Version of what the page tells people to do. Raise it when the question changes: votes then differ."""
FINGERPRINT = ids.digest("human", INSTRUCTION)

_TYPES = {"string": "str", "int64": "int64", "double": "float64", "bool": "boolean"}


def frame(votes: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows of the verdicts table, by verdict id.

    Args:
        votes: what differs from vote to vote: pair_id, prompt_id, annotator, occasion, winner,
            confidence, rationale, seconds, given_at (seconds since the epoch).
    """
    found = pd.DataFrame([_verdict(vote) for vote in votes], columns=LEDGER.names)
    types = {c.name: _TYPES[str(c.type)] for c in LEDGER.columns}
    found = found.astype(types | {"confidence": "Int64"})
    return found.sort_values("label_id", kind="stable").reset_index(drop=True)


def moment(seconds: float) -> str:
    """Seconds since the epoch as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _verdict(vote: dict[str, Any]) -> dict[str, Any]:
    return vote | {
        "label_id": label_id(vote["pair_id"], FINGERPRINT, vote["annotator"], vote["occasion"]),
        "fingerprint": FINGERPRINT,
        "kind": "human",
        "labeler": "human",
        "p_a": P_A[vote["winner"]],
        "calls": 0,
        "tokens_in": 0,
        "tokens_out": 0,
        "price": 0.0,
        "seconds": round(vote["seconds"], 1),
        "given_at": moment(vote["given_at"]),
    }
