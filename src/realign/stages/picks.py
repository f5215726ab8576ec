"""picks: what every arm of the equal-budget experiment buys, each distinct pair judged once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign import asking
from realign.core import ids, schemas
from realign.core.params import Compare, Embed, Label, Select, Validate
from realign.core.work import Quarantine, Work
from realign.evaluation.held_out import better_side
from realign.labellers.verdicts import OUTCOMES
from realign.quality import frames, gate, suites
from realign.selection import MIX, Strategy, choose, registry
from realign.selection.candidates import Candidates, candidates
from realign.selection.choose import Picks
from realign.selection.lessons import Lessons, lessons
from realign.selection.purchases import pilot_size, pilots, purchases, refuse
from realign.selection.tables import as_pairs, known_rewards, single, usable


@dataclass(frozen=True)
class Inputs:
    """What picks reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    rewards: pd.DataFrame
    scores: pd.DataFrame
    base: Path
    people: Path
    strategies: Path
    known_pairs: Path
    rubric: Path


@dataclass(frozen=True)
class Settings:
    """What picks is told."""

    seed: int
    embed: Embed
    select: Select
    validate: Validate
    label: Label
    compare: Compare


@dataclass(frozen=True)
class Outputs:
    """What picks writes."""

    purchases: pd.DataFrame
    held_out: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Decide what each arm buys, and have it judged by the run's labeller.

    The row checks of the pairs gate come before the cut, so that every arm buys as many labels as its
    budget says, and the annotator's seed is the run's, so that a pair has one verdict whichever arm asks.
    A pair without a verdict (people abstained, a judge could not be read) was bought and teaches nothing.

    Raises:
        UserError: a strategy or a budget is impossible, or the labeller cannot judge this data.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    known = registry(inputs.strategies)
    train, held_out = usable(inputs.prompts, inputs.responses, inputs.embeddings, Quarantine())
    refuse(settings.compare, settings.select, known, train["prompt_id"].nunique())
    rewards = known_rewards(inputs.rewards)
    pools = {
        seed: candidates(
            train, inputs.embeddings, ids.arm_seed(settings.seed, seed), settings.select, rewards=rewards
        )
        for seed in settings.compare.seeds
    }
    sound = _sound(next(iter(pools.values())), "train", inputs, settings)
    pilot = {seed: pilots(pool, sound, settings.compare) for seed, pool in pools.items()}
    taught = _taught(pools, pilot, known, inputs, settings, work)
    bought = pd.concat(
        [
            purchases(pool, known, settings.compare, seed, sound, pilot[seed], taught[seed])
            for seed, pool in pools.items()
        ],
        ignore_index=True,
    )
    measure = candidates(held_out, inputs.embeddings, settings.seed, single(settings.select))
    chance = choose(
        "random", measure, known, measure.options, sound=_sound(measure, "holdout", inputs, settings)
    )
    holdout = as_pairs(measure, chance, "holdout", "random")
    judged = _judged(pd.concat([bought, holdout], ignore_index=True), inputs, settings, work)
    verdicts = judged[["pair_id", "winner", "p_a", "labeller", "gold"]]
    merged = bought.merge(verdicts, on="pair_id", validate="many_to_one")
    silent = ~merged["winner"].isin(OUTCOMES)
    print(
        f"picks: {len(judged)} distinct pairs judged for {len(settings.compare.arms())} arms; {int(silent.sum())} of "
        f"{len(merged)} purchases got no verdict",
        file=sys.stderr,
    )
    answered = holdout.merge(verdicts, on="pair_id")
    return Outputs(
        merged.loc[~silent, schemas.ARM_PICKS.names],
        better_side(answered[answered["winner"].isin(OUTCOMES)])[schemas.HELD_OUT.names],
    )


def _sound(pool: Candidates, purpose: str, inputs: Inputs, settings: Settings) -> np.ndarray:
    """Candidates that pass the row checks of the pairs gate. Shape (P,)."""
    everything = Picks(np.arange(len(pool.prompt)), np.ones(len(pool.prompt), dtype=int))
    columns = frames.pairs(as_pairs(pool, everything, purpose, "all"), inputs.responses, inputs.prompts)
    failed = gate.failing(columns, suites.pairs(settings.validate, len(columns)))
    return np.asarray(~columns["row_id"].isin(list(failed)))


def _taught(
    pools: dict[int, Candidates],
    pilot: dict[int, Picks],
    known: dict[str, Strategy],
    inputs: Inputs,
    settings: Settings,
    work: Work,
) -> dict[int, list[Lessons | None]]:
    """What the pilot of each budget teaches, by seed; nobody is asked where no strategy learns."""
    options = settings.compare
    if not any("labels" in known[name].needs for name in _parts(settings)):
        return {seed: [None] * len(options.budgets) for seed in pools}
    pairs = {seed: as_pairs(pools[seed], picks, "pilot", "random") for seed, picks in pilot.items()}
    judged = _judged(pd.concat(list(pairs.values())), inputs, settings, work).set_index("pair_id")
    return {
        seed: [
            lessons(
                part.head(pilot_size(budget, options)).join(judged["winner"], on="pair_id"),
                inputs.responses,
                inputs.embeddings,
            )
            for budget in options.budgets
        ]
        for seed, part in pairs.items()
    }


def _parts(settings: Settings) -> list[str]:
    names = settings.compare.strategies
    return [name for name in names if name != MIX] + (list(settings.select.mix) if MIX in names else [])


def _judged(pairs: pd.DataFrame, inputs: Inputs, settings: Settings, work: Work) -> pd.DataFrame:
    told = asking.Known(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.scores, inputs.base, inputs.people,
        inputs.known_pairs,
    )  # fmt: skip
    label = work.of("label")
    return asking.ask(pairs, told, settings.label, settings.embed, seed=settings.seed, work=label).judged
