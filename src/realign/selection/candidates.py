"""All pairs that the prompts offer, with what a strategy may look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.core import ids

DECIMALS = 5  # the last bits of a cosine depend on the machine; a pick must not


@dataclass(frozen=True)
class Candidates:
    """P candidate pairs of N prompts, sorted by prompt and then by the two response ids.

    Attributes:
        prompt_ids: shape (N,).
        prompt: index into prompt_ids for each pair. Shape (P,).
        responses: response ids, sorted by prompt and id. Shape (R,).
        vectors: L2-normalised, float64. Shape (R, d).
        tokens: length of each response. Shape (R,).
        first: index of the pair's first response. Shape (P,).
        second: index of its second response. Shape (P,).
        similarity: cosine, 5 decimals. Shape (P,).
        seed: of the run.
    """

    prompt_ids: np.ndarray
    prompt: np.ndarray
    responses: np.ndarray
    vectors: np.ndarray
    tokens: np.ndarray
    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    seed: int

    def pair_ids(self) -> list[str]:
        """The id of each pair. Shape (P,)."""
        prompts = self.prompt_ids[self.prompt]
        ones, others = self.responses[self.first], self.responses[self.second]
        return [ids.pair_id(p, a, b) for p, a, b in zip(prompts, ones, others, strict=True)]


def candidates(responses: pd.DataFrame, embeddings: pd.DataFrame, seed: int) -> Candidates:
    """Every pair of two different responses under one prompt.

    Args:
        responses: rows of the responses table; every prompt has at least two.
        embeddings: a finite, non-zero vector for each of them.
        seed: of the run.
    """
    rows = responses.sort_values(["prompt_id", "response_id"], kind="stable")
    stacked = np.stack(embeddings.set_index("response_id")["vector"].reindex(rows["response_id"]).tolist())
    vectors = stacked.astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prompt_ids, start, count = np.unique(
        rows["prompt_id"].to_numpy(dtype=str), return_index=True, return_counts=True
    )
    first, second, prompt = [], [], []
    for k in np.unique(count):  # all prompts with k responses at once
        i, j = np.triu_indices(k, 1)
        members = np.flatnonzero(count == k)
        first.append((start[members, None] + i).ravel())
        second.append((start[members, None] + j).ravel())
        prompt.append(np.repeat(members, len(i)))
    order = np.lexsort((np.concatenate(second), np.concatenate(first)))
    one, other = np.concatenate(first)[order], np.concatenate(second)[order]
    return Candidates(
        prompt_ids=prompt_ids,
        prompt=np.concatenate(prompt)[order],
        responses=rows["response_id"].to_numpy(dtype=str),
        vectors=vectors,
        tokens=rows["tokens"].to_numpy(),
        first=one,
        second=other,
        similarity=_cosines(vectors, one, other),
        seed=seed,
    )


def _cosines(vectors: np.ndarray, one: np.ndarray, other: np.ndarray, chunk: int = 1 << 16) -> np.ndarray:
    parts = [
        np.einsum("pd,pd->p", vectors[one[at : at + chunk]], vectors[other[at : at + chunk]])
        for at in range(0, len(one), chunk)
    ]
    return np.round(np.concatenate(parts), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
