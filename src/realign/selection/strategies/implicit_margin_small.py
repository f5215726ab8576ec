"""implicit_margin_small: the pair with the smallest gap of the policy's own implicit reward."""

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("rewards",)


def implicit_margin_small(pool: Candidates) -> np.ndarray:
    """|r_i - r_j|, r as in implicit_margin: what the policy has not learned yet (2508.04149). Shape (P,)."""
    return np.asarray(np.abs(pool.reward_gap))
