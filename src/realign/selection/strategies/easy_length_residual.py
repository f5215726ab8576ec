"""easy_length_residual: the pair that is less alike than its lengths explain."""

import numpy as np

from realign.selection.candidates import Candidates


def easy_length_residual(pool: Candidates) -> np.ndarray:
    """cos - (a + b |ln(n_i / n_j)|), with a and b by least squares over all candidate pairs. Shape (P,).

    Easy (REAL, arXiv 2409.17169) with the linear effect of length taken out of the similarity.
    """
    apart = np.abs(pool.log_length_ratio)
    centred = apart - apart.mean()
    power = float(centred @ centred)
    slope = float(centred @ pool.similarity) / power if power else 0.0
    return np.asarray(np.round(pool.similarity - pool.similarity.mean() - slope * centred, 6))
