"""human: people vote on a page; their consensus is the label."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from realign.errors import LabelsMissing
from realign.labelers.base import Labeler, LabelRequest, Labels, count_uses
from realign.labelers.human.consensus import aggregate, alpha
from realign.store import artifacts, schemas
from realign.store.labels import NO_LABEL, OUTCOMES
from realign.store.ledger import Ledger


def label(request: LabelRequest) -> Labels:
    """The consensus of the people's votes, or a published queue and a stop.

    Raises:
        LabelsMissing: too few pairs have `label.people.min_votes` votes.
    """
    winner, p_a = consensus(request, request.pairs)
    return Labels(winner, p_a, f"human ({request.settings.people.consensus})")


def consensus(request: LabelRequest, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Winner (NO_LABEL where nobody voted) and p_a of each pair by the people's consensus. Shapes (n,), (n,).

    The consensus is computed from all votes at once, since every pair shows who is reliable.

    Raises:
        LabelsMissing: too few of `pairs` have enough votes; the queue for the page is published first.
    """
    settings = request.settings.people
    votes = request.votes[(request.votes["kind"] == "human") & request.votes["winner"].isin(OUTCOMES)]
    first = votes[votes["occasion"] == 0].groupby("pair_id").size()
    counts = first.reindex(pairs["pair_id"], fill_value=0).to_numpy()
    short = counts < settings.min_votes
    publish(request, pairs)
    if len(pairs) and 1 - short.mean() < settings.min_share:
        missing = int((settings.min_votes - counts[short]).sum())
        uses = count_uses(request.uses, pairs["pair_id"][short])
        raise LabelsMissing(
            f"{missing} votes are missing on {int(short.sum())} of {len(pairs)} pairs ({uses}; label.people.min_votes "
            f"is {settings.min_votes}). Open the page for people with: realign label. When all votes are in, the "
            "same command continues from here",
            code="label.votes_missing",
        )
    agreed = aggregate(votes, settings.consensus, request.seed).set_index("pair_id")
    labels = agreed.reindex(pairs["pair_id"])
    winner = labels["winner"].fillna(NO_LABEL).to_numpy(dtype=object)
    return winner, labels["p_a"].fillna(0.5).to_numpy(dtype=float)


def publish(request: LabelRequest, pairs: pd.DataFrame) -> None:
    """Write the queue of the page: the pairs, and the known ones that serve as hidden checks."""
    columns = ["pair_id", "prompt_id", "messages", "response_a", "response_b", "text_a", "text_b"]
    wanted = pairs[columns].assign(value=_value(request, pairs), known=None)
    hidden = request.known[columns].assign(value=0.0, known=request.known["answer"])
    parts = [part for part in (wanted, hidden[~hidden["pair_id"].isin(wanted["pair_id"])]) if len(part)]
    queue = pd.concat(parts).astype({"known": "object"}) if parts else wanted
    artifacts.write_table(request.work.queue(), queue, schemas.QUEUE)


def _value(request: LabelRequest, pairs: pd.DataFrame) -> np.ndarray:
    """How unsure the judges are of each pair: 1 - |2 p - 1| of their mean, and their spread. Shape (n,)."""
    with closing(Ledger(request.work.ledger())) as ledger:
        labels = ledger.everything()
    machine = labels[(labels["kind"] != "human") & labels["winner"].isin(OUTCOMES)]
    by_pair = machine.groupby("pair_id")["p_a"]
    doubt = (1 - (2 * by_pair.mean() - 1).abs()) + by_pair.std(ddof=0)
    return doubt.reindex(pairs["pair_id"]).fillna(0.0).round(6).to_numpy(dtype=float)


def agreement_facts(request: LabelRequest, pairs: pd.Series[str]) -> dict[str, Any]:
    """How many voted on these pairs, and how far they agree: Krippendorff's alpha with its interval."""
    votes, how = request.votes, request.intervals
    human = votes[(votes["kind"] == "human") & votes["pair_id"].isin(pairs)]
    agreement = alpha(human, how.confidence, how.resamples, how.seed)
    return {
        "votes": len(human),
        "annotators": int(human["annotator"].nunique()),
        "consensus": request.settings.people.consensus,
        "alpha": asdict(agreement) if agreement else None,
    }


LABELER = Labeler(label, asks_people=True, labels_outside=False)
