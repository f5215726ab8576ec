"""From a strategy's numbers to the picked pairs: within a prompt, across prompts, and mixtures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from realign.config.params import Select
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


def choose(
    name: str,
    pool: Candidates,
    known: Mapping[str, Strategy],
    options: Select,
    pilot: np.ndarray | None = None,
    sound: np.ndarray | None = None,
) -> Picks:
    """The pairs that a strategy, or the mixture select.mix, gives to the labeler.

    A strategy that learns from labels has bought the pilot's pairs already: they come first and count in the
    budget, and the rest of it goes to other prompts. A mixture shares its budget out by its parts: the part
    with the largest share takes its prompts first, the next one of those that are left; in the order of
    picks each part comes up as often as its share says.

    Args:
        name: of the strategy, or mix.
        pool: the candidates.
        known: strategies by name.
        options: the select section.
        pilot: indices of the pairs that are labeled already, one a prompt; None for none.
        sound: pairs that may be picked; a prompt whose choice is not among them goes without. None for all.
            Shape (P,).

    Raises:
        UserError: an unknown strategy.
    """
    parts = options.mix if name == MIX else {name: 1.0}
    strategies = named(sorted(parts), known)
    orders = {part: strategy(pool) for part, strategy in strategies.items()}
    learns = any("labels" in s.needs for s in strategies.values())
    first = pilot if pilot is not None and learns else np.zeros(0, dtype=int)
    free = np.ones(len(pool.prompt_ids), dtype=bool)
    free[pool.prompt[first]] = False
    most = np.minimum(np.bincount(pool.prompt, minlength=len(free)), options.pairs_per_prompt)[free].sum()
    budget = int(most if options.budget is None else min(options.budget - len(first), most))
    ranked = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    picked, turns = [_picks(pool, orders[ranked[0][0]], first)], [np.zeros(len(first))]
    quota = shares(np.array([share for _, share in ranked]), budget)
    for (part, share), number in zip(ranked, quota, strict=True):
        rest = pick(pool, orders[part], int(number), options.across, options.pairs_per_prompt, free, sound)
        free[pool.prompt[rest]] = False
        picked.append(_picks(pool, orders[part], rest))
        turns.append((np.arange(len(rest)) + 1) / share)
    order = np.argsort(np.concatenate(turns), kind="stable")
    return Picks(
        *(np.concatenate([getattr(p, field) for p in picked])[order] for field in ("pairs", "choice"))
    )


def pick(
    pool: Candidates,
    order: np.ndarray,
    budget: int | None,
    across: str = "top",
    per_prompt: int = 1,
    free: np.ndarray | None = None,
    sound: np.ndarray | None = None,
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
        sound: pairs that may be picked; None for all. Shape (P,).

    Returns:
        Indices of picked pairs, best first: all first choices in the order of their prompts, then all
        second choices.
    """
    if budget == 0:
        return np.zeros(0, dtype=int)
    choice = choices(pool, order)
    wanted = choice <= per_prompt
    for allowed in (None if free is None else free[pool.prompt], sound):
        wanted &= True if allowed is None else allowed
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
