"""Token rows of a batch as tensors of its fixed shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from realign.models.batching import Batch

if TYPE_CHECKING:
    import torch


def padded(
    batch: Batch, tokens: Sequence[list[int]], pad: int, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both of shape (batch.size, batch.length), fillers included.

    Args:
        batch: which rows, and the shape.
        tokens: the tokens of all rows, none longer than the batch.
        pad: token id to pad with.
        left: pad before the tokens (generation) instead of after.
    """
    import torch

    ids = torch.full((batch.size, batch.length), pad)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(batch.filled()):
        length = len(tokens[row])
        place = slice(batch.length - length, None) if left else slice(0, length)
        ids[at, place] = torch.tensor(tokens[row], dtype=ids.dtype)
        mask[at, place] = 1
    return ids, mask
