"""Batches of fixed shape, so that a row's numbers depend on the row alone.

A matrix product may round differently when its shape changes, so a row computed beside 7 others can
differ in the last bits from the same row beside 3. Here each row has a *bucket*, the padded length
that its own length falls into, and every batch of a bucket has the same number of rows; the last one
is filled up by repeating a row. A resumed or extended run therefore gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_ROWS_STEP = 8  # rows come in multiples of this, to keep them in the same matrix kernel
# A processor computes 512 tokens at its full rate, so more a batch would only mean more fillers in the last one.
_CPU_TOKENS = 512


@dataclass(frozen=True)
class Batch:
    """Rows to compute together.

    Attributes:
        rows: indices of the real rows; there are `size - len(rows)` fillers after them.
        size: number of rows, fillers included.
        length: tokens that each row is padded to.
    """

    rows: list[int]
    size: int
    length: int

    def filled(self) -> list[int]:
        """Indices of all rows, the last real one repeated as filler."""
        return self.rows + [self.rows[-1]] * (self.size - len(self.rows))


def bucket(length: int, longest: int) -> int:
    """The padded length of a row: steps of a quarter octave, at least 8, at most `longest`."""
    step = 8
    while step * 8 < length:
        step *= 2
    return min(-(-max(length, 1) // step) * step, max(longest, length))


def forward_batches(
    lengths: Sequence[int], tokens_per_batch: int, longest: int, device: torch.device
) -> Iterator[Batch]:
    """`fixed_batches` for one pass over given tokens: on a CPU, no larger than pays."""
    fitting = min(tokens_per_batch, _CPU_TOKENS) if device.type == "cpu" else tokens_per_batch
    return fixed_batches(lengths, fitting, longest)


def fixed_batches(
    lengths: Sequence[int], tokens_per_batch: int, longest: int, extra: int = 0
) -> Iterator[Batch]:
    """Group rows into batches of equal shape, shortest first.

    Args:
        lengths: tokens of each row.
        tokens_per_batch: about how many tokens, padding included, a batch may hold.
        longest: the model's limit; no row is padded beyond it.
        extra: tokens that each row will grow by (generation).
    """
    buckets: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        buckets.setdefault(bucket(length, longest), []).append(row)
    for length in sorted(buckets):
        fitting = tokens_per_batch // (length + extra)
        size = max(_ROWS_STEP, fitting // _ROWS_STEP * _ROWS_STEP)
        rows = buckets[length]
        for start in range(0, len(rows), size):
            yield Batch(rows[start : start + size], size, length)
