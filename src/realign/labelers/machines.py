"""The labelers that are no people."""

from __future__ import annotations

from collections.abc import Callable

from realign.labelers.base import Question, Verdicts
from realign.labelers.llm_judge.labeler import llm_judge
from realign.labelers.oracle import oracle
from realign.labelers.quality_head import quality_head
from realign.labelers.reward_model import reward_model
from realign.labelers.scores import scores
from realign.labelers.self_judge import self_judge

Labeler = Callable[[Question], Verdicts]

MACHINES: dict[str, Labeler] = {
    "oracle": oracle,
    "scores": scores,
    "reward_model": reward_model,
    "llm_judge": llm_judge,
    "self_judge": self_judge,
    "quality_head": quality_head,
}
