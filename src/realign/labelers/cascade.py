"""cascade: a labeler without people labels first; people get what it is unsure of and a sample of the rest."""

from typing import Any

import numpy as np

from realign.config.params import Params
from realign.evaluation.intervals import Resampling, rate
from realign.labelers.base import Labeler, LabelRequest, Labels
from realign.labelers.human.labeler import consensus
from realign.labelers.registry import find
from realign.store import ids
from realign.store.labels import NO_LABEL, OUTCOMES, OVER_BUDGET, SIDES


def label(request: LabelRequest) -> Labels:
    """The first labeler's labels, with people's in place of those that are doubtful or drawn for audit.

    Doubtful is a pair on which a judge's two orders disagree, on which the labeler abstained, or whose p is
    within `label.cascade.unsure` of 1/2. Of the others, `label.cascade.audit_share` (by a hash of seed
    and pair) goes to people too: their labels there measure the error of the pairs that no person saw.

    Raises:
        LabelsMissing: votes are missing.
    """
    settings = request.settings.cascade
    judged = find(settings.labeler, "label.cascade.labeler").label(request)
    within = judged.winner != OVER_BUDGET
    doubtful = within & (~np.isin(judged.winner, OUTCOMES) | (np.abs(judged.p_a - 0.5) <= settings.unsure))
    if judged.consistent is not None:
        doubtful |= within & ~judged.consistent
    drawn = np.array([ids.uniform("audit", str(request.seed), pair) for pair in request.pairs["pair_id"]])
    audited = within & ~doubtful & (drawn < settings.audit_share)
    to_people = doubtful | audited
    winner, p_a = judged.winner.astype(object), judged.p_a.copy()
    people, p_people = consensus(request, request.pairs[to_people])
    labeled = people != NO_LABEL
    places = np.flatnonzero(to_people)[labeled]
    winner[places], p_a[places] = people[labeled], p_people[labeled]
    names = np.full(len(winner), judged.labeler, dtype=object)
    names[places] = f"human ({request.settings.people.consensus})"
    account = _account(judged.winner, winner, doubtful, audited, request.intervals)
    return Labels(winner, p_a, names, judged.orders, judged.facts | {"cascade": account})


def _account(
    judged: np.ndarray, final: np.ndarray, doubtful: np.ndarray, audited: np.ndarray, intervals: Resampling
) -> dict[str, Any]:
    """What was saved, and the measured error of the pairs that no person saw."""
    sure = audited & np.isin(judged, SIDES) & np.isin(final, SIDES)
    error = rate((judged[sure] != final[sure]).astype(float), intervals)
    return {
        "pairs": len(judged),
        "doubtful": int(doubtful.sum()),
        "audited": int(audited.sum()),
        "not_looked_at": int((~doubtful & ~audited).sum()),
        "saved": round(float((~doubtful & ~audited).mean()), 6),
        "error_of_rest": error.as_json() if error else None,
    }


def problems(whole: Params) -> list[str]:
    """A first labeler that itself waits for people."""
    name = whole.label.cascade.labeler
    if not find(name, "label.cascade.labeler").asks_people:
        return []
    return [f"label.cascade.labeler: {name} asks people itself; name a labeler that does not"]


LABELER = Labeler(
    label,
    problems,
    asks_people=True,
    labels_outside=False,
    before_people=lambda settings: settings.cascade.labeler,
)
