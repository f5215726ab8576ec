"""Rewards of responses by a Hugging Face sequence classification model with one output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from realign.core import ids
from realign.core.batching import fixed_batches
from realign.core.params import Model
from realign.core.progress import progress
from realign.core.work import Work
from realign.models.chat import inert_turns
from realign.models.load import load_reward, window
from realign.models.padding import padded

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
    store = work.rows()
    known = store.get(set(keys))
    todo = {key: (m, t) for key, m, t in zip(keys, messages, texts, strict=True) if key not in known}
    if todo:
        known |= _compute(model, todo, store.put)
    store.close()
    return np.array([float(known[key]) for key in keys])


def _compute(
    model: Model, todo: Mapping[str, tuple[str, str]], put: Callable[[Mapping[str, bytes]], None]
) -> dict[str, bytes]:
    import torch

    classifier, tokenizer = load_reward(model)
    names = list(todo)
    tokens = [_tokens(tokenizer, *todo[name]) for name in names]
    longest = window(classifier, _LONGEST)
    tokens = [t[-longest:] for t in tokens]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    classifier.config.pad_token_id = pad
    known: dict[str, bytes] = {}
    bar = progress(len(names), "reward", "responses")
    for batch in fixed_batches([len(t) for t in tokens], _TOKENS_PER_BATCH, longest):
        input_ids, mask = (t.to(classifier.device) for t in padded(batch, tokens, pad))
        with torch.inference_mode():
            logits = classifier(input_ids=input_ids, attention_mask=mask).logits[:, 0]
        finished = {names[row]: repr(float(logits[at])).encode() for at, row in enumerate(batch.rows)}
        put(finished)
        known |= finished
        bar.update(len(finished))
    bar.close()
    return known


def _tokens(tokenizer: Any, messages: str, text: str) -> list[int]:
    turns = inert_turns(tokenizer, [*ids.load_messages(messages), {"role": "assistant", "content": text}])
    if tokenizer.chat_template:
        found: list[int] = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)
        return found
    plain: list[int] = tokenizer("\n\n".join(turn["content"] for turn in turns))["input_ids"]
    return plain
