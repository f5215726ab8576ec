"""whitened: the least alike pair, on whitened embeddings."""

import numpy as np

from realign.selection.candidates import Candidates


def whitened(pool: Candidates) -> np.ndarray:
    """cos of W (e - mean), W = C^(-1/2), C the Ledoit-Wolf covariance of all candidates. Shape (P,).

    Raw cosines of a language model's states are anisotropic: a few directions that all texts share
    dominate them. Whitening gives every direction the same weight (Su et al. 2021, arXiv 2103.15316);
    the shrunk covariance (Ledoit and Wolf 2004) keeps directions that hold only noise from exploding.
    """
    from sklearn.covariance import LedoitWolf

    centred = pool.vectors - pool.vectors.mean(0)
    values, axes = np.linalg.eigh(LedoitWolf(assume_centered=True).fit(centred).covariance_)
    spread = np.sqrt(np.maximum(values, 1e-12 * max(values.max(), 1e-300)))
    vectors = (centred @ axes) / spread
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    cosines = np.einsum("pd,pd->p", vectors[pool.first], vectors[pool.second])
    return np.asarray(np.round(cosines, 5) + 0.0)
