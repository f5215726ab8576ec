"""cascade: a judge labels, people get what it is unsure of and a sample of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from realign.evaluation.intervals import Resampling, rate
from realign.labelers.base import OUTCOMES, OVER_BUDGET, Question, Verdicts
from realign.labelers.human.labeler import opinion
from realign.labelers.machines import MACHINES
from realign.store import ids

_RESAMPLES, _CONFIDENCE = 2000, 0.95


def cascade(question: Question) -> Verdicts:
    """The judge's verdicts, with people's in place of those that are doubtful or drawn for audit.

    Doubtful is a pair on which the judge's two orders disagree, on which it abstained, or whose p is
    within `label.cascade.unsure` of 1/2. Of the others, `label.cascade.audit_share` (by a hash of seed
    and pair) goes to people too: what they say there measures the error of what nobody looked at.

    Raises:
        LabelsMissing: votes are missing.
    """
    settings = question.settings.cascade
    judged = MACHINES[settings.judge](question)
    within = judged.winner != OVER_BUDGET
    doubtful = within & (~np.isin(judged.winner, OUTCOMES) | (np.abs(judged.p_a - 0.5) <= settings.unsure))
    if judged.consistent is not None:
        doubtful |= within & ~judged.consistent
    drawn = np.array([ids.uniform("audit", str(question.seed), pair) for pair in question.pairs["pair_id"]])
    audited = within & ~doubtful & (drawn < settings.audit_share)
    asked = doubtful | audited
    winner, p_a = judged.winner.astype(object), judged.p_a.copy()
    said, p_said = opinion(question, question.pairs[asked])
    spoken = np.flatnonzero(asked)[said != ""]
    winner[spoken], p_a[spoken] = said[said != ""], p_said[said != ""]
    names = np.full(len(winner), judged.labeler, dtype=object)
    names[spoken] = f"human ({question.settings.people.consensus})"
    facts = judged.facts | {"cascade": _account(judged.winner, winner, doubtful, audited, question.seed)}
    return Verdicts(winner, p_a, names, judged.orders, facts)


def _account(
    judged: np.ndarray, final: np.ndarray, doubtful: np.ndarray, audited: np.ndarray, seed: int
) -> dict[str, Any]:
    """What was saved, and the measured error of what people did not look at."""
    sure = audited & np.isin(judged, ("a", "b")) & np.isin(final, ("a", "b"))
    error = rate((judged[sure] != final[sure]).astype(float), Resampling(_RESAMPLES, _CONFIDENCE, seed))
    return {
        "pairs": len(judged),
        "doubtful": int(doubtful.sum()),
        "audited": int(audited.sum()),
        "not_looked_at": int((~doubtful & ~audited).sum()),
        "saved": round(float((~doubtful & ~audited).mean()), 6),
        "error_of_rest": error.as_json() if error else None,
    }
