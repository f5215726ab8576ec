"""reward_model: a Hugging Face sequence classification model with one output."""

from __future__ import annotations

import pandas as pd
from scipy.special import expit

from realign.labelers.base import Question, Verdicts, by_gap
from realign.models.rewards import rewards


def reward_model(question: Question) -> Verdicts:
    """The response with the higher reward; p = sigmoid(gap / label.temperature)."""
    model = question.settings.reward_model
    pairs = question.pairs
    both = pd.concat([pairs["messages"], pairs["messages"]], ignore_index=True)
    texts = pd.concat([pairs["text_a"], pairs["text_b"]], ignore_index=True)
    found = rewards(model, both.tolist(), texts.tolist(), question.work)
    gap = found[: len(pairs)] - found[len(pairs) :]
    name = f"reward_model: {model.name}@{model.revision}"
    return Verdicts(by_gap(gap, question.settings.tie_gap), expit(gap / question.settings.temperature), name)
