"""A judge that runs here: a causal language model, by its log-probabilities of the verdict's letter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from realign.labelers.llm_judge.brief import Brief
from realign.labelers.llm_judge.prompt import LETTERS
from realign.models.chat import completion_tokens
from realign.models.load import load_causal, pinned, window
from realign.models.logprobs import completion_logprobs
from realign.store.ids import Message
from realign.store.ledger import Answer, Shown

_AT_ONCE = 512  # orders between two visits to the ledger: what a kill can lose
_TOKENS_PER_BATCH = 8192
_LONGEST = 8192
_DECIMALS = 6

Asked = tuple[str, Shown, Callable[[], list[Message]]]


def answer(brief: Brief, asked: Sequence[Asked], keep: Callable[[Answer], None]) -> None:
    """Answer orders of pairs with the model that `label.judge.model` names.

    The answer's text is JSON of the log-probability of each letter as the whole answer, in nats. Where
    the chat is longer than the model reads, it says so instead, which counts as an abstention.

    Args:
        brief: the judge.
        asked: pair id, what is shown first, and what the judge reads.
        keep: makes an answer durable.

    Raises:
        UserError: the model cannot be loaded.
    """
    if not asked:
        return
    folder = pinned(brief.judge.model, "label.judge.model")
    model, tokenizer = load_causal(folder, key="label.judge.model")
    longest = window(model, _LONGEST)
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        rows = [
            [completion_tokens(tokenizer, chat, letter) for letter in LETTERS]
            for chat in (chat() for _, _, chat in part)
        ]
        lengths = [max(len(prompt) + len(letter) for prompt, letter in row) for row in rows]
        fitting = [at for at, length in enumerate(lengths) if length <= longest]
        log_p = completion_logprobs(
            model,
            [letter for at in fitting for letter in rows[at]],
            max_length=longest,
            tokens_per_batch=_TOKENS_PER_BATCH,
            pad=int(tokenizer.pad_token_id),
            what=f"judge: letters, from order {start + 1} of {len(asked)}",
        ).reshape(-1, len(LETTERS))
        texts = dict(zip(fitting, map(_text, log_p), strict=True))
        for at, (pair, shown, _) in enumerate(part):
            text = texts.get(at, f"not asked: {lengths[at]} tokens, the model reads {longest}")
            keep(_answer(brief, pair, shown, text, lengths[at] if at in texts else 0))


def _text(log_p: np.ndarray) -> str:
    return json.dumps({letter: round(float(x), _DECIMALS) for letter, x in zip(LETTERS, log_p, strict=True)})


def _answer(brief: Brief, pair: str, shown: Shown, text: str, tokens: int) -> Answer:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Answer(pair, brief.fingerprint, shown, text, 1, tokens, 0, 0.0, now)
