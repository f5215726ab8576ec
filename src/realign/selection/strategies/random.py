"""random: a uniformly drawn pair, the baseline of every comparison."""

import numpy as np

from realign.selection.candidates import Candidates
from realign.store import ids

NEEDS = ("seed",)


def random(pool: Candidates) -> np.ndarray:
    """A number in [0, 1) from seed and pair id, whatever other pairs there are. Shape (P,)."""
    return np.array([ids.uniform("random", str(pool.seed), pair) for pair in pool.pair_ids()])
