"""What each arm of the equal-budget experiment buys: the same candidates and budget, only the picks differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from realign.config.params import Arm, Compare, Pilot, Select
from realign.errors import UserError, listing
from realign.models.reward_head import FEWEST
from realign.selection.candidates import Candidates
from realign.selection.choose import Picks, choose
from realign.selection.labeled_pairs import LabeledPairs
from realign.selection.registry import (
    MIX,
    Strategy,
    named,
    needing,
    option_problems,
    parts,
    pilot_problem,
    unrewarded,
)
from realign.selection.tables import as_pairs


def pilot_size(budget: int, options: Compare) -> int:
    """How many labels of a budget go to the pilot of a strategy that learns: at most half of it.

    So a small budget goes to a small pilot instead of none of it to picks.
    """
    return min(options.pilot, budget // 2)


def refuse(
    options: Compare,
    select: Select,
    pilot: Pilot,
    rewards: bool,
    known: Mapping[str, Strategy],
    prompts: int | None,
) -> None:
    """Say before any work what an experiment could not do.

    Args:
        options: the compare section.
        select: the select section.
        pilot: the pilot section.
        rewards: whether rewards of responses are computed.
        known: strategies by name.
        prompts: train prompts that there are, where that is known.

    Raises:
        UserError: all problems are listed.
    """
    problems = []
    if MIX in options.strategies and not select.mix:
        problems.append("mix: has no parts; name them in select.mix")
    names = sorted(parts(options.strategies, select))
    try:
        named(names, known)
    except UserError as error:
        problems.append(str(error))
    there = [known[name] for name in names if name in known]
    problems += unrewarded(there, rewards) + option_problems(there, known, select)
    learners = [s.name for s in there if "labels" in s.needs]
    smallest = min(options.budgets)
    if learners and pilot_size(smallest, options) < FEWEST:
        problems.append(
            f"{', '.join(learners)}: learns nothing from fewer than {FEWEST} labels, and of a budget of {smallest} it gets "
            f"{pilot_size(smallest, options)} (compare.pilot, at most half of the budget); raise them"
        )
    unfit = pilot_problem(pilot.by, known) if learners else None
    if unfit:
        problems.append(f"pilot.by: {unfit}")
    large = [str(budget) for budget in sorted(options.budgets) if prompts is not None and budget > prompts]
    if large:
        problems.append(
            f"budget {', '.join(large)}: there are {prompts} train prompts, and an arm buys a pair of each at most"
        )
    if problems:
        raise UserError(listing("the comparison cannot be made:", problems), code="compare.impossible")


def arm_picks(
    pool: Candidates,
    known: Mapping[str, Strategy],
    options: Compare,
    seed: int,
    sound: np.ndarray,
    pilot: np.ndarray,
    learned: Sequence[LabeledPairs | None],
) -> pd.DataFrame:
    """What every strategy buys with every budget, under one seed: the columns of the pairs table, the arm's and place.

    A strategy's order is that of its largest budget, and a smaller one buys the first of it. One that learns
    has an order for each budget, because its pilot is a part of it.

    Args:
        pool: the candidates under this seed.
        known: strategies by name.
        options: the compare section.
        seed: the arm's.
        sound: pairs that pass the row checks of the pairs gate. Shape (P,).
        pilot: pairs that are labeled already, in the order in which they are bought. Shape (n,).
        learned: the labels of each budget's pilot, one a budget.

    Raises:
        UserError: there are fewer sound pairs than a budget buys; all arms that lack some are named.
    """
    frames, short = [], []
    most = max(options.budgets)
    for name in options.strategies:
        learns = bool(needing("labels", [name], pool.options, known))
        whole = None if learns else _choose(name, pool, known, most, sound, None)
        for budget, labeled_pairs in zip(options.budgets, learned, strict=True):
            first = pilot[: pilot_size(budget, options)] if learns else pilot[:0]
            if whole is None:
                picks = _choose(name, replace(pool, labeled_pairs=labeled_pairs), known, budget, sound, first)
            else:
                picks = Picks(whole.pairs[:budget], whole.choice[:budget])
            if len(picks.pairs) < budget:
                short.append(f"{name}, budget {budget}: {len(picks.pairs)} sound pairs")
            frame = as_pairs(pool, picks, "train", name)
            place = np.arange(1, len(frame) + 1)
            frames.append(
                frame.assign(**Arm(name, budget, seed)._asdict(), place=place, pilot=place <= len(first))
            )
    if short:
        raise UserError(
            listing("there are too few pairs for these arms; lower compare.budgets:", short),
            code="compare.too_few_pairs",
        )
    return pd.concat(frames, ignore_index=True)


def _choose(
    name: str,
    pool: Candidates,
    known: Mapping[str, Strategy],
    budget: int,
    sound: np.ndarray,
    pilot: np.ndarray | None,
) -> Picks:
    return choose(name, pool, known, pool.options.model_copy(update={"budget": budget}), pilot, sound)
