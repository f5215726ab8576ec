"""How good a labeler is, on pairs whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from realign.errors import UserError
from realign.evaluation.intervals import Resampling
from realign.evaluation.judge_quality import figures
from realign.labelers.base import Question, Verdicts
from realign.labelers.machines import MACHINES

_RESAMPLES, _CONFIDENCE = 2000, 0.95


def check(question: Question, known: pd.DataFrame) -> tuple[Verdicts, dict[str, Any]]:
    """Ask the machine labeler of `question` about known pairs and measure what it says.

    Args:
        question: its pairs are not asked about.
        known: pairs with their answers (sources.known).

    Returns:
        Its verdicts on the known pairs, and figures with intervals (judging.figures).

    Raises:
        UserError: this labeler cannot be asked about pairs from outside.
    """
    name = question.settings.machine
    if name in ("oracle", "scores", "human"):
        raise UserError(
            f"label.labeler: {name} cannot be asked about other pairs than its own. Set llm_judge, self_judge, "
            "quality_head or reward_model"
        )
    verdicts = MACHINES[name](replace(question, pairs=known.assign(rule=None)))
    words = [np.array([len(text.split()) for text in known[side]]) for side in ("text_a", "text_b")]
    orders = (None, None) if verdicts.orders is None else (verdicts.orders[:, 0], verdicts.orders[:, 1])
    found = figures(
        winner=verdicts.winner,
        p_a=verdicts.p_a,
        answer=known["answer"].to_numpy(dtype=object),
        first_ab=orders[0],
        first_ba=orders[1],
        length_a=words[0],
        length_b=words[1],
        pair_ids=known["pair_id"].tolist(),
        how=Resampling(_RESAMPLES, _CONFIDENCE, question.seed),
    )
    return verdicts, found


def require_accuracy(question: Question) -> dict[str, Any] | None:
    """The figures on `label.known_pairs`, None where params name none.

    Raises:
        UserError: the labeler agrees with them less often than `label.min_judge_accuracy`.
    """
    settings = question.settings
    if question.known.empty or settings.machine in ("oracle", "scores", "human"):
        return None
    _, found = check(question, question.known)
    accuracy, least = found["accuracy"], settings.min_judge_accuracy
    if least is not None and (accuracy is None or accuracy["value"] < least):
        measured = (
            "it decided none of them"
            if accuracy is None
            else f"it agrees with {accuracy['value']:.3f} of them [{accuracy['low']:.3f}, {accuracy['high']:.3f}]"
        )
        raise UserError(
            f"{settings.machine} is not good enough: {len(question.known)} pairs of {settings.known_pairs} have a known "
            f"answer, {measured}, and label.min_judge_accuracy is {least:g}. Nothing was labeled. Use a better judge "
            "or rubric (realign judge-check shows where it fails), or lower the minimum"
        )
    return found
