"""Selection strategies: which pair of each prompt is worth a label.

A strategy is a pure function from the candidate pairs to a number for each; the smallest comes
first. To add one: a file with the function, a line here, its name in params.yaml.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from realign.core.errors import UserError
from realign.selection.candidates import Candidates
from realign.selection.centroid import centroid
from realign.selection.easy import easy
from realign.selection.hard import hard
from realign.selection.random import random

Strategy = Callable[[Candidates], np.ndarray]

STRATEGIES: dict[str, Strategy] = {
    "easy": easy,
    "hard": hard,
    "centroid": centroid,
    "random": random,
}


def strategy(name: str) -> Strategy:
    """The strategy of this name.

    Raises:
        UserError: there is none.
    """
    if name not in STRATEGIES:
        raise UserError(
            f"strategy or audit in params.yaml names {name!r}; there are {', '.join(sorted(STRATEGIES))}. A new "
            "one is a file in src/realign/selection and a line in its __init__.py"
        )
    return STRATEGIES[name]


def pick(pool: Candidates, order: np.ndarray, budget: int | None) -> np.ndarray:
    """One pair a prompt, the one that comes first; with a budget, the prompts that come first.

    Ties go to the smaller response ids, then to the smaller prompt id.

    Args:
        pool: the candidates.
        order: the strategy's number for each pair, smallest first. Shape (P,).
        budget: most pairs to pick, or None for one of every prompt.

    Returns:
        Indices of picked pairs, best first.
    """
    ranked = np.lexsort((np.arange(len(order)), order, pool.prompt))
    _, first = np.unique(pool.prompt[ranked], return_index=True)
    best = ranked[first]
    return best[np.lexsort((best, order[best]))][:budget]
