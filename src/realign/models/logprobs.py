"""Log-probabilities of given completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from realign.core.batching import fixed_batches
from realign.core.progress import progress
from realign.models.padding import padded


def completion_logprobs(
    model: Any,
    rows: Sequence[tuple[list[int], list[int]]],
    *,
    max_length: int,
    tokens_per_batch: int,
    pad: int,
    what: str,
) -> np.ndarray:
    """Sum over completion tokens of ln p(token | everything before it), in nats.

    Args:
        model: a causal language model.
        rows: (prompt tokens, completion tokens); cut at `max_length` from the end, as TRL does.
        max_length: most tokens of prompt and completion together.
        tokens_per_batch: tokens a batch may hold, padding included.
        pad: token id to pad with.
        what: name on the progress bar.

    Returns:
        Shape (len(rows),), float64.
    """
    import torch

    whole = [(prompt + completion)[:max_length] for prompt, completion in rows]
    sums = np.zeros(len(rows))
    bar = progress(len(rows), what, "responses")
    for batch in fixed_batches([len(w) for w in whole], tokens_per_batch, max_length):
        tokens, mask = (t.to(model.device) for t in padded(batch, whole, pad))
        counted = mask.bool()
        for at, row in enumerate(batch.filled()):
            counted[at, : len(rows[row][0])] = False
        with torch.inference_mode():
            logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        picked = logits.gather(2, tokens[:, 1:, None]).squeeze(2) - logits.logsumexp(2)
        total = (picked.double() * counted[:, 1:]).sum(1).cpu().numpy()
        sums[batch.rows] = total[: len(batch.rows)]
        bar.update(len(batch.rows))
    bar.close()
    return sums
