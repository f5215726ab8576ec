"""centroid: the two responses nearest to the centres of a 2-means clustering (REAL's third arm)."""

import numpy as np

from realign.selection.candidates import Candidates

_EXACT = 12  # responses a prompt up to which all 2^(k-1) - 1 bipartitions are tried


def centroid(pool: Candidates) -> np.ndarray:
    """0 for the pair of the two centroid responses of each prompt, 1 + cos for all others. Shape (P,).

    The clustering minimises the within-cluster sum of squares of the L2-normalised vectors (k-means,
    k = 2). Up to 12 responses it is exact, by trying all bipartitions through the Gram matrix G: a
    cluster with indicator s has the between part s'Gs / |s|, and the sum over both is maximised.
    Above, Lloyd's iterations start from the least alike pair.
    """
    order = 1.0 + pool.similarity
    sizes = np.bincount(np.concatenate([pool.first, pool.second]), minlength=len(pool.responses)) + 1
    starts = np.searchsorted(pool.owner, np.arange(len(pool.prompt_ids)))
    where = {(int(a), int(b)): at for at, (a, b) in enumerate(zip(pool.first, pool.second, strict=True))}
    for k in np.unique(sizes):
        members = np.flatnonzero(sizes[starts] == k)
        vectors = pool.vectors[starts[members, None] + np.arange(k)]
        left = _bipartition(vectors) if k <= _EXACT else _lloyd(vectors)
        one, other = _nearest(vectors, left), _nearest(vectors, ~left)
        for start, a, b in zip(starts[members], one, other, strict=True):
            order[where[(int(start + min(a, b)), int(start + max(a, b)))]] = 0.0
    return order


def _bipartition(vectors: np.ndarray) -> np.ndarray:
    """Which responses are in the first cluster, best of all splits. (n, k, d) -> (n, k) bool."""
    k = vectors.shape[1]
    codes = np.arange(1, 2 ** (k - 1))[:, None]
    left = (codes >> np.arange(k)) & 1 == 1  # the last response is always right: no split twice
    gram = np.einsum("nkd,nld->nkl", vectors, vectors)
    best = np.empty((len(vectors), k), dtype=bool)
    for at, matrix in enumerate(gram):
        between = sum(
            np.einsum("pk,kl,pl->p", side, matrix, side, optimize=True) / side.sum(1)
            for side in (left.astype(float), (~left).astype(float))
        )
        best[at] = left[np.argmax(np.round(between, 9))]
    return best


def _lloyd(vectors: np.ndarray, iterations: int = 50) -> np.ndarray:
    gram = np.einsum("nkd,nld->nkl", vectors, vectors)
    n, k = gram.shape[:2]
    worst = gram.reshape(n, -1).argmin(1)
    rows = np.arange(n)
    one, other = vectors[rows, worst // k], vectors[rows, worst % k]
    left = np.zeros((n, k), dtype=bool)
    for _ in range(iterations):
        lead = _distance(vectors, one) - _distance(vectors, other)
        nearer = lead < 0
        first, last = lead.argmin(1), lead.argmax(1)
        nearer[rows, first] = True  # no cluster is ever empty, even where all are equally near
        nearer[rows, np.where(first == last, k - 1, last)] = False
        if (nearer == left).all():
            break
        left = nearer
        one, other = _mean(vectors, left), _mean(vectors, ~left)
    return left


def _mean(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.asarray((vectors * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True))


def _distance(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return np.asarray(((vectors - centre[:, None, :]) ** 2).sum(2))


def _nearest(vectors: np.ndarray, mask: np.ndarray) -> np.ndarray:
    distance = np.round(_distance(vectors, _mean(vectors, mask)), 9)
    return np.asarray(np.where(mask, distance, np.inf).argmin(1))
