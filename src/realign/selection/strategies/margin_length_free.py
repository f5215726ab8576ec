"""margin_length_free: the largest predicted quality gap that length does not explain."""

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("labels",)


def margin_length_free(pool: Candidates) -> np.ndarray:
    """-|w'(x_i - x_j)|, x as in margin, w by ridge on labels less their regression on ln(n_a / n_b). Shape (P,)."""
    return np.asarray(-np.abs(pool.gap_length_free))
