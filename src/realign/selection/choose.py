"""From a strategy's numbers to the picked pairs: within a prompt, across prompts, and mixtures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realign.core.params import Select
from realign.selection.across import ACROSS, shares
from realign.selection.candidates import Candidates
from realign.selection.registry import MIX, Strategy, named


@dataclass(frozen=True)
class Picks:
    """What a strategy picked.

    Attributes:
        pairs: indices of the picked pairs, best first. Shape (n,).
        choice: place of each in the strategy's own order of its prompt's pairs, from 1. Shape (n,).
    """

    pairs: np.ndarray
    choice: np.ndarray


def choose(name: str, pool: Candidates, known: Mapping[str, Strategy], options: Select) -> Picks:
    """The pairs that a strategy, or the mixture select.mix, gives to the labeller.

    A mixture shares the budget out by its parts: the part with the largest share takes its prompts
    first, the next one of those that are left.

    Raises:
        UserError: an unknown strategy.
    """
    per_prompt, across = options.pairs_per_prompt, options.across
    if name != MIX:
        order = named([name], known)[name](pool)
        return _picks(pool, order, pick(pool, order, options.budget, across, per_prompt))
    parts = sorted(options.mix.items(), key=lambda part: (-part[1], part[0]))
    strategies = named([part for part, _ in parts], known)
    prompts = len(pool.prompt_ids)
    whole = min(options.budget or np.inf, sum(np.minimum(np.bincount(pool.prompt), per_prompt)))
    quota = shares(np.array([share for _, share in parts]), int(whole))
    free, found = np.ones(prompts, dtype=bool), []
    for (part, _), number in zip(parts, quota, strict=True):
        order = strategies[part](pool)
        picks = _picks(pool, order, pick(pool, order, int(number), across, per_prompt, free))
        free[pool.prompt[picks.pairs]] = False
        found.append(picks)
    return Picks(np.concatenate([p.pairs for p in found]), np.concatenate([p.choice for p in found]))


def pick(
    pool: Candidates,
    order: np.ndarray,
    budget: int | None,
    across: str = "top",
    per_prompt: int = 1,
    free: np.ndarray | None = None,
) -> np.ndarray:
    """The pairs that come first of each prompt; with a budget, of the prompts that `across` picks.

    Ties go to the smaller response ids, then to the smaller prompt id.

    Args:
        pool: the candidates.
        order: the strategy's number for each pair, smallest first. Shape (P,).
        budget: most pairs to pick, or None for all prompts.
        across: how prompts are picked: top, stratified or k_center.
        per_prompt: most pairs of a prompt.
        free: prompts that may be picked; None for all. Shape (N,).

    Returns:
        Indices of picked pairs, best first: all first choices in the order of their prompts, then all
        second choices.
    """
    if budget == 0:
        return np.zeros(0, dtype=int)
    choice = choices(pool, order)
    wanted = (choice <= per_prompt) & (True if free is None else free[pool.prompt])
    pairs = np.flatnonzero(wanted)
    ranked = pairs[np.lexsort((pairs, order[pairs], choice[pairs]))]
    if budget is None or budget >= len(ranked):
        return np.asarray(ranked)
    best = np.full(len(pool.prompt_ids), np.inf)
    first = pairs[choice[pairs] == 1]
    best[pool.prompt[first]] = order[first]
    prompts = ACROSS[across](pool, best, min(-(-budget // per_prompt), len(first)))
    place = np.full(len(best), len(best))
    place[prompts] = np.arange(len(prompts))
    kept = ranked[place[pool.prompt[ranked]] < len(best)]
    return np.asarray(kept[np.lexsort((place[pool.prompt[kept]], choice[kept]))][:budget])


def choices(pool: Candidates, order: np.ndarray) -> np.ndarray:
    """Place of each pair in this order among its prompt's pairs, from 1; ties by response ids. Shape (P,)."""
    ranked = np.lexsort((np.arange(len(order)), order, pool.prompt))
    counts = np.bincount(pool.prompt, minlength=len(pool.prompt_ids))
    starts = np.repeat(np.concatenate([[0], counts.cumsum()[:-1]]), counts)
    place = np.empty(len(order), dtype=np.int64)
    place[ranked] = np.arange(len(order)) - starts + 1
    return place


def _picks(pool: Candidates, order: np.ndarray, pairs: np.ndarray) -> Picks:
    return Picks(pairs, choices(pool, order)[pairs])
