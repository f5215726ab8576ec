"""hard: the most alike pair (REAL's opposite arm, arXiv 2409.17169)."""

import numpy as np

from realign.selection.candidates import Candidates


def hard(pool: Candidates) -> np.ndarray:
    """-cos(e_i, e_j), so that argmax over i < j comes first. Shape (P,)."""
    return -pool.similarity
