"""dcrm: a large predicted gap at a small distance."""

import numpy as np
from scipy.special import expit

from realign.selection.candidates import Candidates

NEEDS = ("labels",)
_EPSILON = 0.01


def dcrm(pool: Candidates) -> np.ndarray:
    """-(sigmoid(|gap|) - 1/2) / (|e_i - e_j| + 0.01), gap as in margin. Shape (P,).

    Distance-calibrated reward margin (arXiv 2506.14157): pairs that differ in quality and in little
    else. There the distance is edit distance plus difference in log-probability; here it is that of
    the normalised embeddings, which is known before any label.
    """
    return np.asarray(-np.round((expit(np.abs(pool.gap)) - 0.5) / (pool.distance + _EPSILON), 6))
