"""implicit_margin: the pair with the largest gap of the policy's own implicit reward."""

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("rewards",)


def implicit_margin(pool: Candidates) -> np.ndarray:
    """-|r_i - r_j|, r(y) = ln pi(y|x) - ln ref(y|x) (Rafailov et al. 2023, eq. 5, without beta). Shape (P,).

    Before a first alignment policy and reference are one and r is 0 throughout; then the caller gives
    the mean log-probability of a token under the base instead, CREAM's reward for its first round
    (arXiv 2410.12735). That says how usual a text is to the base more than how good it is.
    """
    return np.asarray(-np.abs(pool.reward_gap))
