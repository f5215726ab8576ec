"""mid: a pair of middling similarity, between easy and hard."""

import numpy as np

from realign.config.params import Share
from realign.selection.candidates import Candidates
from realign.store import ids

NEEDS = ("seed",)


def mid(pool: Candidates, *, low: Share, high: Share) -> np.ndarray:
    """A drawn number in [0, 1) where the similarity lies in the band of quantiles from low to high. Shape (P,).

    The band is of all candidate pairs, both ends included; within it chance decides, by seed and pair
    id. A pair outside comes after all of these, the nearer to the band the sooner.
    """
    least, most = np.quantile(pool.similarity, [low, high])
    outside = np.maximum(least - pool.similarity, 0) + np.maximum(pool.similarity - most, 0)
    drawn = np.array([ids.uniform("mid", str(pool.seed), pair) for pair in pool.pair_ids()])
    return np.where(outside > 0, 1.0 + np.round(outside, 6), drawn)
