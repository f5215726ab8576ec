"""The pilot: pairs that are labeled first, for strategies that learn from labels."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from realign.config.params import Pilot
from realign.selection.candidates import Candidates
from realign.selection.choose import Picks, choices
from realign.selection.labeled_pairs import LabeledPairs
from realign.selection.registry import Strategy
from realign.selection.tables import as_pairs
from realign.store import ids

CHANCE = "random"


def pilot(
    pool: Candidates,
    known: Mapping[str, Strategy],
    size: int,
    sound: np.ndarray,
    options: Pilot,
    learn: Callable[[np.ndarray], LabeledPairs | None],
) -> np.ndarray:
    """A pair of each of `size` prompts, in the order in which they are labeled; fewer where there are no more.

    Prompts come in the order of a hash of the seed and their id, and rounds are of pilot.round pairs, so that a
    smaller pilot is a part of a larger one. With pilot.by random all pairs are those that `random` picks, and
    their labels serve that strategy too. With another one only the first round is: that strategy picks every
    later round, having learned from all labels before it, so that most of the pilot is worth its labels by itself.

    Args:
        pool: the candidates.
        known: strategies by name.
        size: how many.
        sound: pairs that may be labeled; each prompt's pick is the first of these. Shape (P,).
        options: the pilot's by and round.
        learn: has these pairs labeled, all so far, given by their indices; called before every round but the first.

    Returns:
        Indices of pairs. Shape (at most size,).
    """
    drawn = [ids.uniform("pilot", str(pool.seed), str(prompt)) for prompt in pool.prompt_ids]
    turn = np.argsort(np.argsort(drawn, kind="stable"))
    by_chance = options.by == CHANCE
    step = size if by_chance else options.round
    picked = np.zeros(0, dtype=int)
    while len(picked) < size:
        learned = learn(picked) if len(picked) and not by_chance else None
        strategy = known[options.by if learned else CHANCE]
        order = np.where(sound, strategy(replace(pool, labeled_pairs=learned) if learned else pool), np.inf)
        first = sound & (choices(pool, order) == 1) & ~np.isin(pool.prompt, pool.prompt[picked])
        pairs = np.flatnonzero(first)
        more = pairs[np.argsort(turn[pool.prompt[pairs]])][: min(step, size - len(picked))]
        if not len(more):
            break
        picked = np.concatenate([picked, more])
    return picked


def pilot_rows(pool: Candidates, pairs: np.ndarray, by: str) -> pd.DataFrame:
    """These pairs as rows of the pairs table, in their order, with purpose pilot. (n,) -> n rows."""
    return as_pairs(pool, Picks(pairs, np.ones(len(pairs), dtype=int)), "pilot", by)
