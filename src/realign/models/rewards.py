"""Rewards of responses by a Hugging Face sequence classification model with one output."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from realign.config.params import Model
from realign.models.batching import forward_batches
from realign.models.chat import inert_turns, written_by
from realign.models.load import load_reward, window
from realign.models.padding import padded
from realign.store import ids
from realign.store.work import Work

_TOKENS_PER_BATCH = 8192
_LONGEST = 2048


def rewards(model: Model, messages: Sequence[str], texts: Sequence[str], work: Work) -> np.ndarray:
    """The reward of each (conversation, response). Each distinct one is computed once, ever.

    Args:
        model: the reward model.
        messages: JSON of each conversation.
        texts: the responses.
        work: keeps rewards that are known.

    Returns:
        Shape (n,), float64.
    """
    keys = [
        ids.digest(str(model.name), str(model.revision), m, t) for m, t in zip(messages, texts, strict=True)
    ]

    def compute(places: list[int]) -> Iterator[dict[int, bytes]]:
        for batch in _batches(model, [(messages[at], texts[at]) for at in places]):
            yield {row: repr(reward).encode() for row, reward in batch.items()}

    return np.array([float(row) for row in work.kept(keys, compute, "reward", "responses", [__name__])])


def _batches(model: Model, texts: Sequence[tuple[str, str]]) -> Iterator[dict[int, float]]:
    import torch

    classifier, tokenizer = load_reward(model)
    tokens = [_tokens(tokenizer, *one) for one in texts]
    longest = window(classifier, _LONGEST)
    tokens = [t[-longest:] for t in tokens]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    classifier.config.pad_token_id = pad
    for batch in forward_batches([len(t) for t in tokens], _TOKENS_PER_BATCH, longest, classifier.device):
        input_ids, mask = (t.to(classifier.device) for t in padded(batch, tokens, pad))
        with torch.inference_mode():
            logits = classifier(input_ids=input_ids, attention_mask=mask).logits[:, 0]
        yield {row: float(logits[at]) for at, row in enumerate(batch.rows)}


def _tokens(tokenizer: Any, messages: str, text: str) -> list[int]:
    turns = inert_turns(tokenizer, [*ids.load_messages(messages), {"role": "assistant", "content": text}])
    if tokenizer.chat_template:
        return list(written_by(tokenizer, turns, tokenize=True))
    plain: list[int] = tokenizer("\n\n".join(turn["content"] for turn in turns))["input_ids"]
    return plain
