"""Log-probabilities of given completions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from realign.models.batching import forward_batches
from realign.models.padding import padded
from realign.progress import progress
from realign.store.work import Work

if TYPE_CHECKING:
    import torch

Completion: TypeAlias = tuple[list[int], list[int]]
"""Prompt tokens and completion tokens (models.chat.completion_tokens)."""


def completion_logprobs(
    model: Any, rows: Sequence[Completion], *, max_length: int, tokens_per_batch: int, pad: int, what: str
) -> np.ndarray:
    """Sum over completion tokens of ln p(token | everything before it), in nats.

    Args:
        model: a causal language model.
        rows: prompt and completion; cut at `max_length` from the end, as TRL does.
        max_length: most tokens of prompt and completion together.
        tokens_per_batch: tokens a batch may hold, padding included.
        pad: token id to pad with.
        what: name on the progress bar.

    Returns:
        Shape (len(rows),), float64.
    """
    batches = logprob_batches(model, rows, max_length=max_length, tokens_per_batch=tokens_per_batch, pad=pad)
    return np.asarray(_gathered(batches, (len(rows), 1), what)[:, 0])


def log_ratios(
    model: Any, rows: Sequence[Completion], *, max_length: int, tokens_per_batch: int, pad: int, what: str
) -> np.ndarray:
    """ln pi(y|x) - ln pi_ref(y|x) of each completion, in nats. Shape (len(rows),).

    Args:
        model: the policy with its adapter, which is switched off for the reference.
        rows: as in `completion_logprobs`, and so are the rest.
        max_length: most tokens of prompt and completion together.
        tokens_per_batch: tokens a batch may hold, padding included.
        pad: token id to pad with.
        what: name on the progress bar.
    """
    batches = logprob_batches(
        model, rows, max_length=max_length, tokens_per_batch=tokens_per_batch, pad=pad, reference=True
    )
    policy, reference = _gathered(batches, (len(rows), 2), what).T
    return np.asarray(policy - reference)


def kept_sums(
    keys: Sequence[str],
    batches: Callable[[list[int]], Iterator[dict[int, np.ndarray]]],
    width: int,
    work: Work,
    what: str,
) -> np.ndarray:
    """The sums of `logprob_batches`, each computed once, ever, and kept as soon as its batch is finished.

    Args:
        keys: name everything that the sums of a row depend on. Length n.
        batches: takes the places in `keys` of the rows that are not known, and yields their sums.
        width: sums a row: 1, or 2 with a reference.
        work: keeps what is known.
        what: name on the progress bar.

    Returns:
        Shape (n, width), float64.
    """

    def compute(places: list[int]) -> Iterator[dict[int, bytes]]:
        for batch in batches(places):
            yield {row: sums.astype("<f8").tobytes() for row, sums in batch.items()}

    rows = work.kept(keys, compute, what, "responses", (__name__, "realign.models.chat"))
    return np.frombuffer(b"".join(rows), dtype="<f8").reshape(len(keys), width)


def logprob_batches(
    model: Any,
    rows: Sequence[Completion],
    *,
    max_length: int,
    tokens_per_batch: int,
    pad: int,
    reference: bool = False,
) -> Iterator[dict[int, np.ndarray]]:
    """The sums of `completion_logprobs`; yields finished batches as {row number: sums}, short rows first.

    Sums have shape (1,); with `reference` (2,): the model's, and those of the same model with its adapter
    switched off.
    """
    whole = [(prompt + completion)[:max_length] for prompt, completion in rows]
    for batch in forward_batches([len(w) for w in whole], tokens_per_batch, max_length, model.device):
        tokens, mask = (t.to(model.device) for t in padded(batch, whole, pad))
        counted = mask.bool()
        for at, row in enumerate(batch.filled()):
            counted[at, : len(rows[row][0])] = False
        sums = [_sums(model, tokens, mask, counted)]
        if reference:
            with model.disable_adapter():
                sums.append(_sums(model, tokens, mask, counted))
        yield dict(zip(batch.rows, np.column_stack(sums), strict=False))  # fillers come after the rows


def _sums(model: Any, tokens: torch.Tensor, mask: torch.Tensor, counted: torch.Tensor) -> np.ndarray:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    picked = logits.gather(2, tokens[:, 1:, None]).squeeze(2) - logits.logsumexp(2)
    return np.asarray((picked.double() * counted[:, 1:]).sum(1).cpu().numpy())


def _gathered(batches: Iterator[dict[int, np.ndarray]], shape: tuple[int, int], what: str) -> np.ndarray:
    sums = np.zeros(shape)
    bar = progress(shape[0], what, "responses")
    for batch in batches:
        sums[list(batch)] = list(batch.values())
        bar.update(len(batch))
    bar.close()
    return sums
