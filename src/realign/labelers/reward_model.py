"""reward_model: a Hugging Face sequence classification model with one output."""

import pandas as pd
from scipy.special import expit

from realign.config.combinations import unpinned
from realign.config.params import Params
from realign.labelers.base import Labeler, LabelRequest, Labels, by_gap
from realign.models.rewards import rewards


def label(request: LabelRequest) -> Labels:
    """The response with the higher reward; p = sigmoid(gap / label.temperature)."""
    model = request.settings.reward_model
    pairs = request.pairs
    both = pd.concat([pairs["messages"], pairs["messages"]], ignore_index=True)
    texts = pd.concat([pairs["text_a"], pairs["text_b"]], ignore_index=True)
    reward = rewards(model, both.tolist(), texts.tolist(), request.work)
    gap = reward[: len(pairs)] - reward[len(pairs) :]
    name = f"reward_model: {model.name}@{model.revision}"
    return Labels(by_gap(gap, request.settings.tie_gap), expit(gap / request.settings.temperature), name)


def problems(whole: Params) -> list[str]:
    """A model that is not pinned."""
    return list(unpinned("label.reward_model", whole.label.reward_model, "reward_model labels"))


LABELER = Labeler(label, problems)
