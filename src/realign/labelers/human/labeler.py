"""What people said of pairs, and asking them for what they have not said yet."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Label
from realign.errors import LabelsMissing
from realign.labelers.base import OUTCOMES, Question, Verdicts
from realign.labelers.human.consensus import aggregate, alpha
from realign.store import artifacts, schemas
from realign.store.ledger import Ledger

_RESAMPLES, _CONFIDENCE = 1000, 0.95


def human(question: Question) -> Verdicts:
    """The consensus of the people's votes, or a published queue and a stop.

    Raises:
        LabelsMissing: too few pairs have `label.people.min_votes` votes.
    """
    winner, p_a = opinion(question, question.pairs)
    return Verdicts(winner, p_a, f"human ({question.settings.people.consensus})")


def opinion(question: Question, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Winner ('' where nobody voted) and p_a of each pair by the people's consensus. Shapes (n,), (n,).

    Consensus is taken over all votes at once, since it learns who is reliable from every pair.

    Raises:
        LabelsMissing: too few of `pairs` have enough votes; the queue for the page is published first.
    """
    settings = question.settings.people
    votes = question.votes[(question.votes["kind"] == "human") & question.votes["winner"].isin(OUTCOMES)]
    first = votes[votes["occasion"] == 0].groupby("pair_id").size()
    counts = first.reindex(pairs["pair_id"], fill_value=0).to_numpy()
    short = counts < settings.min_votes
    publish(question, pairs)
    if len(pairs) and 1 - short.mean() < settings.min_share:
        missing = int((settings.min_votes - counts[short]).sum())
        raise LabelsMissing(
            f"{missing} votes are missing on {int(short.sum())} of {len(pairs)} pairs (label.people.min_votes is "
            f"{settings.min_votes}). Open the page for people with: realign label. When the votes are there, the "
            "same command goes on from here"
        )
    agreed = aggregate(votes, settings.consensus, question.seed).set_index("pair_id")
    found = agreed.reindex(pairs["pair_id"])
    return (found["winner"].fillna("").to_numpy(dtype=object), found["p_a"].fillna(0.5).to_numpy(dtype=float))


def publish(question: Question, pairs: pd.DataFrame) -> None:
    """Put the pairs, and the known ones among which they hide, where the page finds them."""
    columns = ["pair_id", "prompt_id", "messages", "response_a", "response_b", "text_a", "text_b"]
    asked = pairs[columns].assign(value=_value(question, pairs), known=None)
    hidden = question.known[columns].assign(value=0.0, known=question.known["answer"])
    parts = [part for part in (asked, hidden[~hidden["pair_id"].isin(asked["pair_id"])]) if len(part)]
    queue = pd.concat(parts).astype({"known": "object"}) if parts else asked
    artifacts.write_table(question.work.queue(), queue, schemas.QUEUE)


def _value(question: Question, pairs: pd.DataFrame) -> np.ndarray:
    """How unsure the judges are of each pair: 1 - |2 p - 1| of their mean, and their spread. Shape (n,)."""
    ledger = Ledger(question.work.ledger())
    said = ledger.everything()
    ledger.close()
    machine = said[(said["kind"] != "human") & said["winner"].isin(OUTCOMES)]
    by_pair = machine.groupby("pair_id")["p_a"]
    doubt = (1 - (2 * by_pair.mean() - 1).abs()) + by_pair.std(ddof=0)
    return doubt.reindex(pairs["pair_id"]).fillna(0.0).round(6).to_numpy(dtype=float)


def agreement_facts(votes: pd.DataFrame, settings: Label, seed: int) -> dict[str, Any]:
    """How many voted, and how far they agree: Krippendorff's alpha with its interval."""
    human = votes[votes["kind"] == "human"]
    found = alpha(human, _CONFIDENCE, _RESAMPLES, seed)
    return {
        "votes": len(human),
        "annotators": int(human["annotator"].nunique()),
        "consensus": settings.people.consensus,
        "alpha": asdict(found) if found else None,
    }
