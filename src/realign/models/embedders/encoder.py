"""What every embedder brings, the loop that runs them in batches of fixed shape, and what they gave before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from realign.models.batching import forward_batches
from realign.models.padding import padded
from realign.store import ids
from realign.store.work import Work

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Encoder:
    """A text encoder.

    Attributes:
        tokens: token ids of a text, already cut to the embedder's limit; may be empty.
        forward: (input ids, attention mask), both (rows, length) and padded on the right, to
            vectors of shape (rows, d).
        pad: token id to pad with.
        longest: most tokens of a row.
        fingerprint: names the model and everything else that a vector depends on.
        device: where `forward` wants its tensors.
    """

    tokens: Callable[[str], list[int]]
    forward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    pad: int
    longest: int
    fingerprint: str
    device: torch.device


def encode(encoder: Encoder, texts: Sequence[str], tokens_per_batch: int) -> Iterator[dict[int, np.ndarray]]:
    """Vectors of all texts; yields finished batches as {text number: float32 vector}, short first.

    A text without a token has no direction: its vector is zero, and select sets it aside.
    """
    import torch

    tokens = [encoder.tokens(text) for text in texts]
    for batch in forward_batches([len(t) for t in tokens], tokens_per_batch, encoder.longest, encoder.device):
        tokens_of, mask = padded(batch, tokens, encoder.pad)
        with torch.inference_mode():
            vectors = (
                encoder.forward(tokens_of.to(encoder.device), mask.to(encoder.device)).float().cpu().numpy()
            )
        yield {
            row: vectors[at] if tokens[row] else np.zeros_like(vectors[at])
            for at, row in enumerate(batch.rows)
        }


def vectors(
    texts: Sequence[str], fingerprint: str, load: Callable[[], Encoder], tokens_per_batch: int, work: Work
) -> list[np.ndarray]:
    """A float32 vector a text, of shape (d,); each distinct text is embedded once, ever.

    Args:
        texts: may repeat.
        fingerprint: names everything that a vector depends on.
        load: the encoder; called only where a text is not known.
        tokens_per_batch: tokens a batch may hold, padding included.
        work: keeps what is known.
    """

    def compute(places: list[int]) -> Iterator[dict[int, bytes]]:
        for batch in encode(load(), [texts[place] for place in places], tokens_per_batch):
            yield {at: vector.astype("<f4").tobytes() for at, vector in batch.items()}

    kept = work.kept([ids.digest(fingerprint, text) for text in texts], compute, "embed", "texts", _MAKERS)
    return [np.frombuffer(row, dtype="<f4") for row in kept]


_MAKERS = ("realign.models.embedders",)


def masked_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """sum_t m_t h_t / sum_t m_t in float32. (n, t, d), (n, t) -> (n, d)."""
    weights = mask.unsqueeze(-1).float()
    return (hidden.float() * weights).sum(1) / weights.sum(1).clamp_min(1)
