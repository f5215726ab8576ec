"""self_judge: the base policy's own log-probabilities under two contrastive instructions (DLMA)."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit

from realign.labelers.base import Labeler, LabelRequest, Labels, by_gap
from realign.models.chat import completion_tokens
from realign.models.load import load_causal, window
from realign.models.logprobs import kept_sums, logprob_batches
from realign.store import ids
from realign.store.ids import Message

_TOKENS_PER_BATCH = 8192
_LONGEST = 4096
_CLIP = 40.0  # nats, as DLMA clips its self-rewarding score


def label(request: LabelRequest) -> Labels:
    """Label by the shift in log-probability between two instructions (DLMA, arXiv 2402.11907, eq. 4).

    R = [ln p(a|x+) - ln p(a|x-)] - [ln p(b|x+) - ln p(b|x-)], clipped to 40 nats, where x+ and x- are the
    prompt under `label.self_judge.positive` and `negative`. The sign of R decides, and
    p_a = sigmoid(R / label.temperature). A gap of at most `label.tie_gap` nats is a tie. Each response is
    scored by itself, so there is no order that could matter.
    """
    settings = request.settings
    shift_a, shift_b = _shifts(request)
    gap = np.clip(shift_a - shift_b, -_CLIP, _CLIP)
    name = f"self_judge (contrastive log-probabilities, temperature {settings.temperature:g})"
    return Labels(by_gap(gap, settings.tie_gap), expit(gap / settings.temperature), name)


def _shifts(request: LabelRequest) -> np.ndarray:
    """ln p(text | x+) - ln p(text | x-) in nats, of text_a and text_b. Each sum is computed once, ever. Shape (2, n)."""
    pairs, settings = request.pairs, request.settings.self_judge
    rows = [
        (instruction, messages, text)
        for instruction in (settings.positive, settings.negative)
        for side in ("text_a", "text_b")
        for messages, text in zip(pairs["messages"], pairs[side], strict=True)
    ]

    def sums(places: list[int]) -> Iterator[dict[int, np.ndarray]]:
        model, tokenizer = load_causal(request.base)
        completions = [
            completion_tokens(tokenizer, instructed(ids.load_messages(messages), instruction), text)
            for instruction, messages, text in (rows[place] for place in places)
        ]
        yield from logprob_batches(
            model,
            completions,
            max_length=window(model, _LONGEST),
            tokens_per_batch=_TOKENS_PER_BATCH,
            pad=int(tokenizer.pad_token_id),
        )

    model_id = ids.folder_digest(request.base)
    keys = [ids.digest("instructed", model_id, *one) for one in rows]
    positive, negative = kept_sums(keys, sums, 1, request.work, "self_judge").reshape(2, 2, len(pairs))
    return np.asarray(positive - negative)


def instructed(messages: Sequence[Message], instruction: str) -> list[Message]:
    """The conversation with an instruction before its last user turn; not every template has a system turn."""
    *earlier, last = messages
    return [*earlier, {"role": last["role"], "content": f"{instruction}\n\n{last['content']}"}]


LABELER = Labeler(label)
