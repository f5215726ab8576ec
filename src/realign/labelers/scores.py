"""scores: the data's own annotator."""

from realign.config.params import Params
from realign.errors import UserError
from realign.labelers.base import Labeler, LabelRequest, Labels, by_gap, p_by_gap, score_gap


def label(request: LabelRequest) -> Labels:
    """The response that `label.annotator` scored higher; p = sigmoid(gap / label.temperature).

    Raises:
        UserError: the data has no score by this annotator.
    """
    name = request.settings.annotator
    known = sorted(set(request.scores["annotator"]))
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "it has no scores at all"
        raise UserError(
            f"label.annotator is {name!r}, but the data has no scores by it; {there}", code="label.no_scores"
        )
    gap = score_gap(request.pairs, request.scores, name)
    p_a = p_by_gap(gap, request.settings.temperature)
    return Labels(by_gap(gap, request.settings.tie_gap), p_a, f"scores: {name}")


def problems(whole: Params) -> list[str]:
    """A second opinion that is the first one."""
    if whole.label.gold_annotator != whole.label.annotator:
        return []
    return ["label.gold_annotator: a second opinion must be somebody else's; name another annotator, or null"]


LABELER = Labeler(label, problems, needs_scores=True, labels_outside=False)
