"""self_judge: the base policy's own log-probabilities under two contrastive instructions (DLMA)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from realign.core import ids
from realign.core.ids import Message
from realign.labellers.verdicts import Question, Verdicts, by_gap
from realign.models.chat import completion_tokens
from realign.models.load import load_causal, window
from realign.models.logprobs import completion_logprobs

_TOKENS_PER_BATCH = 8192
_LONGEST = 4096
_CLIP = 40.0  # nats, as DLMA clips its self-rewarding score


def self_judge(question: Question) -> Verdicts:
    """Label by the shift in log-probability between two instructions (DLMA, arXiv 2402.11907, eq. 4).

    R = [ln p(a|x+) - ln p(a|x-)] - [ln p(b|x+) - ln p(b|x-)], clipped to 40 nats, where x+ and x- are the
    prompt under `label.self_judge.positive` and `negative`. The sign of R decides, and
    p_a = sigmoid(R / label.temperature). A gap of at most `label.tie_gap` nats is a tie. No annotator is
    asked, and each response is scored by itself, so there is no order that could matter.
    """
    pairs, settings = question.pairs, question.settings
    shifts = _shifts(question, [*pairs["messages"], *pairs["messages"]], [*pairs["text_a"], *pairs["text_b"]])
    gap = np.clip(shifts[: len(pairs)] - shifts[len(pairs) :], -_CLIP, _CLIP)
    name = f"self_judge (contrastive log-probabilities, temperature {settings.temperature:g})"
    return Verdicts(by_gap(gap, settings.tie_gap), expit(gap / settings.temperature), name)


def _shifts(question: Question, messages: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """ln p(text | x+) - ln p(text | x-), in nats, each distinct one computed once, ever. Shape (n,)."""
    told = question.settings.self_judge
    model_id = ids.folder_digest(question.base)
    keys = [
        ids.digest("shift", model_id, told.positive, told.negative, m, t)
        for m, t in zip(messages, texts, strict=True)
    ]
    store = question.work.rows()
    known = store.get(set(keys))
    todo = {key: (m, t) for key, m, t in zip(keys, messages, texts, strict=True) if key not in known}
    if todo:
        model, tokenizer = load_causal(question.base)
        sums = [
            completion_logprobs(
                model,
                [
                    completion_tokens(tokenizer, instructed(ids.load_messages(m), instruction), t)
                    for m, t in todo.values()
                ],
                max_length=window(model, _LONGEST),
                tokens_per_batch=_TOKENS_PER_BATCH,
                pad=int(tokenizer.pad_token_id),
                what=f"self_judge: {which} instruction",
            )
            for which, instruction in (("positive", told.positive), ("negative", told.negative))
        ]
        found = {key: repr(float(x)).encode() for key, x in zip(todo, sums[0] - sums[1], strict=True)}
        store.put(found)
        known |= found
    store.close()
    return np.array([float(known[key]) for key in keys])


def instructed(messages: Sequence[Message], instruction: str) -> list[Message]:
    """The conversation with an instruction before its last user turn; not every template has a system turn."""
    *earlier, last = messages
    return [*earlier, {"role": last["role"], "content": f"{instruction}\n\n{last['content']}"}]
