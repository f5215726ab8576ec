"""scores: the data's own annotator."""

from __future__ import annotations

from realign.errors import UserError
from realign.labelers.base import Question, Verdicts, by_gap, p_by_gap, score_gap


def scores(question: Question) -> Verdicts:
    """The response that `label.annotator` scored higher; p = sigmoid(gap / label.temperature).

    Raises:
        UserError: the data has no score by this annotator.
    """
    name = question.settings.annotator
    known = sorted(set(question.scores["annotator"]))
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has no scores at all"
        raise UserError(f"label.annotator is {name!r}, but the data has no scores by it; {there}")
    gap = score_gap(question.pairs, question.scores, name)
    p_a = p_by_gap(gap, question.settings.temperature)
    return Verdicts(by_gap(gap, question.settings.tie_gap), p_a, f"scores: {name}")
