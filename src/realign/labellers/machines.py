"""The labellers that are no people."""

from __future__ import annotations

from collections.abc import Callable

from realign.labellers.llm_judge import llm_judge
from realign.labellers.oracle import oracle
from realign.labellers.quality_head import quality_head
from realign.labellers.reward_model import reward_model
from realign.labellers.scores import scores
from realign.labellers.self_judge import self_judge
from realign.labellers.verdicts import Question, Verdicts

Labeller = Callable[[Question], Verdicts]

MACHINES: dict[str, Labeller] = {
    "oracle": oracle,
    "scores": scores,
    "reward_model": reward_model,
    "llm_judge": llm_judge,
    "self_judge": self_judge,
    "quality_head": quality_head,
}
