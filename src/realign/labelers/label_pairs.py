"""Having pairs judged: once each, by a labeler that is good enough, within what it may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from realign.config.params import Embed, Label
from realign.labelers.base import Question, Verdicts
from realign.labelers.check import require_accuracy
from realign.labelers.outcomes import gold, within_budget
from realign.labelers.registry import LABELERS
from realign.labelers.requests import Known, question
from realign.store.work import Work


@dataclass(frozen=True)
class Asked:
    """A question and its answers.

    Attributes:
        question: as the labeler got it; `question.pairs` are distinct and have texts.
        verdicts: in the order of `question.pairs`.
        measured: the labeler's figures on label.known_pairs; None where params name none.
        judged: `question.pairs` with winner, p_a, labeler, gold, gold_gap.
    """

    question: Question
    verdicts: Verdicts
    measured: dict[str, Any] | None
    judged: pd.DataFrame


def ask(uses: pd.DataFrame, what: Known, settings: Label, embed: Embed, *, seed: int, work: Work) -> Asked:
    """Have each distinct pair judged once.

    Args:
        uses: columns purpose, strategy, pair_id, prompt_id, response_a, response_b; a pair may serve several.
        what: the tables.
        settings: the label section.
        embed: the embed section.
        seed: of the run.
        work: of the label stage.

    Raises:
        UserError: the labeler cannot judge this data, or is not good enough.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    asked = question(uses.drop_duplicates("pair_id"), what, settings, embed, seed=seed, work=work)
    measured = require_accuracy(asked)
    verdicts = LABELERS[settings.labeler](asked)
    within_budget(verdicts, uses, asked.pairs, settings)
    judged = asked.pairs.assign(winner=verdicts.winner, p_a=verdicts.p_a, labeler=verdicts.labeler)
    return Asked(asked, verdicts, measured, judged.join(gold(asked.pairs, what.scores, settings)))
