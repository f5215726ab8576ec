"""mid: a pair of middling similarity, between easy and hard."""

from __future__ import annotations

import numpy as np

from realign.selection.candidates import Candidates
from realign.store import ids

NEEDS = ("seed",)


def mid(pool: Candidates) -> np.ndarray:
    """A drawn number in [0, 1) where the similarity lies in the quantile band from options low to high. Shape (P,).

    The band is of all candidate pairs, both ends included; within it chance decides, by seed and pair
    id. A pair outside comes after all of these, the nearer to the band the sooner.
    """
    low, high = np.quantile(pool.similarity, [pool.options.option("mid", end) for end in ("low", "high")])
    outside = np.maximum(low - pool.similarity, 0) + np.maximum(pool.similarity - high, 0)
    drawn = np.array([ids.uniform("mid", str(pool.seed), pair) for pair in pool.pair_ids()])
    return np.where(outside > 0, 1.0 + np.round(outside, 6), drawn)
