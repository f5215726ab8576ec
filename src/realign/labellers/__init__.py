"""Labellers: who says which response of a pair is better.

A labeller is a pure function from pairs to verdicts. To add one: a file with the function, a line
here, its name in `core.params.Label` and params.yaml.
"""

from __future__ import annotations

from collections.abc import Callable

from realign.labellers.oracle import oracle
from realign.labellers.reward_model import reward_model
from realign.labellers.scores import scores
from realign.labellers.verdicts import Question, Verdicts

LABELLERS: dict[str, Callable[[Question], Verdicts]] = {
    "oracle": oracle,
    "scores": scores,
    "reward_model": reward_model,
}
