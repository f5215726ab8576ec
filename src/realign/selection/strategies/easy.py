"""easy: the least alike pair (REAL, arXiv 2409.17169)."""

import numpy as np

from realign.selection.candidates import Candidates


def easy(pool: Candidates) -> np.ndarray:
    """cos(e_i, e_j), so that argmin over i < j comes first. Shape (P,)."""
    return pool.similarity
