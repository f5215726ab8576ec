"""uncertainty: the pair whose better side is hardest to predict."""

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("labels",)


def uncertainty(pool: Candidates) -> np.ndarray:
    """|w'(x_i - x_j)|, w and x as in margin: uncertainty sampling (Lewis and Gale 1994). Shape (P,).

    Such a pair teaches most if its label is right (Not All Preference Pairs, arXiv 2406.17312), and its
    label is the least likely to be.
    """
    return np.asarray(np.abs(pool.gap))
