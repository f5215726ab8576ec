"""The pilot: pairs that are labeled first, to teach the strategies that learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from realign.config.params import Pilot
from realign.selection.candidates import Candidates
from realign.selection.choose import choices
from realign.selection.labeled_pairs import LabeledPairs
from realign.selection.registry import Strategy
from realign.store import ids

CHANCE = "random"


def pilot(
    pool: Candidates,
    known: Mapping[str, Strategy],
    size: int,
    sound: np.ndarray,
    settings: Pilot,
    ask: Callable[[np.ndarray], LabeledPairs | None],
) -> np.ndarray:
    """A pair of each of `size` prompts, in the order in which they are bought; fewer where there are no more.

    Prompts come in the order of a hash of the seed and their id, and rounds are of pilot.round pairs,
    so that a smaller pilot is a part of a larger one. With pilot.by random all pairs are those that
    `random` picks, and their labels serve that strategy too. With another one only the first round is: that
    strategy picks every later round, taught by all labels before it. So what is bought in order to learn is
    mostly worth its label by itself.

    Args:
        pool: the candidates.
        known: strategies by name.
        size: how many.
        sound: pairs that may be bought; each prompt's pick is the first of these. Shape (P,).
        settings: the pilot section.
        ask: what the labels of these pairs teach; called before every round but the first.

    Returns:
        Indices of pairs. Shape (at most size,).
    """
    drawn = [ids.uniform("pilot", str(pool.seed), str(prompt)) for prompt in pool.prompt_ids]
    turn = np.argsort(np.argsort(drawn, kind="stable"))
    step = size if settings.by == CHANCE else settings.round
    found = np.zeros(0, dtype=int)
    while len(found) < size:
        taught = ask(found) if len(found) and settings.by != CHANCE else None
        strategy = known[settings.by if taught else CHANCE]
        order = np.where(sound, strategy(replace(pool, labeled_pairs=taught) if taught else pool), np.inf)
        first = sound & (choices(pool, order) == 1) & ~np.isin(pool.prompt, pool.prompt[found])
        pairs = np.flatnonzero(first)
        more = pairs[np.argsort(turn[pool.prompt[pairs]])][: min(step, size - len(found))]
        if not len(more):
            break
        found = np.concatenate([found, more])
    return found
