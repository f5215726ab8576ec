"""How good a labeler is, on pairs whose answer is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from realign.data.text import segments
from realign.errors import UserError
from realign.evaluation.judge_quality import figures
from realign.labelers.base import LabelRequest, Labels
from realign.labelers.registry import find, labelers, machine


def measure(request: LabelRequest, known: pd.DataFrame) -> tuple[Labels, dict[str, Any]]:
    """Have the request's labeler label known pairs, and compare.

    Args:
        request: its own pairs are not labeled.
        known: pairs with their answers (data.known_pairs).

    Returns:
        Its labels of the known pairs, and figures with intervals (evaluation.judge_quality.figures).

    Raises:
        UserError: this labeler cannot label pairs from outside.
    """
    name = machine(request.settings)
    labeler = find(name)
    if not labeler.labels_outside:
        able = ", ".join(name for name, one in labelers().items() if one.labels_outside)
        raise UserError(
            f"label.labeler: {name} labels only pairs of the run's own data. Set one of {able}",
            code="label.only_own_pairs",
        )
    labels = labeler.label(replace(request, pairs=known.assign(rule=None)))
    words = [np.array([len(segments(text)) for text in known[side]]) for side in ("text_a", "text_b")]
    orders = (None, None) if labels.orders is None else (labels.orders[:, 0], labels.orders[:, 1])
    return labels, figures(
        winner=labels.winner,
        p_a=labels.p_a,
        answer=known["answer"].to_numpy(dtype=object),
        first_ab=orders[0],
        first_ba=orders[1],
        length_a=words[0],
        length_b=words[1],
        pair_ids=known["pair_id"].tolist(),
        how=request.intervals,
    )


def require_accuracy(request: LabelRequest) -> dict[str, Any] | None:
    """The figures on `label.known_pairs`, None where params name none or the labeler cannot be measured.

    Raises:
        UserError: the labeler agrees with them less often than `label.min_accuracy`.
    """
    settings = request.settings
    name = machine(settings)
    if request.known.empty or not find(name).labels_outside:
        return None
    _, measured = measure(request, request.known)
    accuracy, least = measured["accuracy"], settings.min_accuracy
    if least is not None and (accuracy is None or accuracy["value"] < least):
        agreement = (
            "it decided none of them"
            if accuracy is None
            else f"it agrees with {accuracy['value']:.3f} of them [{accuracy['low']:.3f}, {accuracy['high']:.3f}]"
        )
        raise UserError(
            f"{name} is not good enough: {len(request.known)} pairs of {settings.known_pairs} have a known "
            f"answer, {agreement}, and label.min_accuracy is {least:g}. Nothing was labeled. Use a better judge "
            "or rubric (realign judge-check shows where it fails), or lower the minimum",
            code="label.inaccurate",
        )
    return measured
