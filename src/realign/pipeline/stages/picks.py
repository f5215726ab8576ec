"""picks: what every arm of the equal-budget experiment buys, each distinct pair judged once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Compare, Embed, Label, Pilot, Select, Validate
from realign.evaluation.held_out import better_side
from realign.labelers import label_pairs, requests
from realign.labelers.base import OUTCOMES
from realign.quality import suites
from realign.selection import MIX, Strategy, choose, pilot, registry
from realign.selection import sound as teaching
from realign.selection.arm_picks import arm_picks, pilot_size, refuse
from realign.selection.candidates import Candidates, candidates
from realign.selection.labeled_pairs import LabeledPairs, labeled_pairs
from realign.selection.tables import as_pairs, known_rewards, single, usable
from realign.store import ids, schemas
from realign.store.work import Quarantine, Work

EXPERIMENT = True


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
    pilot: Pilot = field(metadata={"only": ("by", "round")})
    select: Select = field(
        metadata={"only": ("across", "pairs_per_prompt", "mix", "text_features", "options")}
    )
    validate: Validate = field(metadata={"only": suites.PAIR_LIMITS})
    label: Label
    compare: Compare = field(metadata={"only": ("strategies", "budgets", "seeds", "pilot")})


@dataclass(frozen=True)
class Outputs:
    """What picks writes."""

    arm_picks: pd.DataFrame
    held_out: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Decide what each arm buys, and have it judged by the run's labeler.

    The row checks of the pairs gate come before the cut, so that every arm buys as many labels as its
    budget says, and the annotator's seed is the run's, so that a pair has one verdict whichever arm asks.
    A pair without a verdict (people abstained, a judge could not be read) was bought and teaches nothing.

    Raises:
        UserError: a strategy or a budget is impossible, or the labeler cannot judge this data.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    known = registry(inputs.strategies)
    train, held_out = usable(inputs.prompts, inputs.responses, inputs.embeddings, Quarantine())
    refuse(settings.compare, settings.select, settings.pilot, None, known, train["prompt_id"].nunique())
    rewards = known_rewards(inputs.rewards)
    pools = {
        seed: candidates(
            train, inputs.embeddings, ids.arm_seed(settings.seed, seed), settings.select, rewards=rewards
        )
        for seed in settings.compare.seeds
    }
    sound = _sound(next(iter(pools.values())), "train", inputs, settings)
    lessons_of = _teaching(pools, known, sound, inputs, settings, work)
    bought = pd.concat(
        [
            arm_picks(pool, known, settings.compare, seed, sound, *lessons_of[seed])
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
    verdicts = judged[["pair_id", "winner", "p_a", "labeler", "gold"]]
    merged = bought.merge(verdicts, on="pair_id", validate="many_to_one")
    silent = ~merged["winner"].isin(OUTCOMES)
    print(
        f"picks: {len(judged)} distinct pairs judged for {len(settings.compare.arms())} arms; {int(silent.sum())} of "
        f"{len(merged)} arm_picks got no verdict",
        file=sys.stderr,
    )
    answered = holdout.merge(verdicts, on="pair_id")
    return Outputs(
        merged.loc[~silent, schemas.ARM_PICKS.names],
        better_side(answered[answered["winner"].isin(OUTCOMES)])[schemas.HELD_OUT.names],
    )


def _sound(pool: Candidates, purpose: str, inputs: Inputs, settings: Settings) -> np.ndarray:
    return teaching.sound(pool, purpose, inputs.responses, inputs.prompts, settings.validate)


def _teaching(
    pools: dict[int, Candidates],
    known: dict[str, Strategy],
    sound: np.ndarray,
    inputs: Inputs,
    settings: Settings,
    work: Work,
) -> dict[int, tuple[np.ndarray, list[LabeledPairs | None]]]:
    """By seed, the pairs of the largest budget's pilot, and what the pilot of each budget teaches.

    Nobody is asked where no strategy learns; seeds are asked about together as far as a pilot is drawn by chance.
    """
    options = settings.compare
    if not any("labels" in known[name].needs for name in _parts(settings)):
        return {seed: (np.zeros(0, dtype=int), [None] * len(options.budgets)) for seed in pools}

    def taught(pairs: pd.DataFrame, judged: pd.DataFrame) -> LabeledPairs | None:
        winner = judged.set_index("pair_id")["winner"]
        return labeled_pairs(pairs.join(winner, on="pair_id"), inputs.responses, inputs.embeddings)

    def bought(seed: int) -> np.ndarray:
        def ask(found: np.ndarray) -> LabeledPairs | None:
            pairs = teaching.pilot_rows(pools[seed], found, settings.pilot.by)
            return taught(pairs, _judged(pairs, inputs, settings, work))

        return pilot(
            pools[seed], known, pilot_size(max(options.budgets), options), sound, settings.pilot, ask
        )

    found = {seed: bought(seed) for seed in pools}
    pairs = {seed: teaching.pilot_rows(pools[seed], part, settings.pilot.by) for seed, part in found.items()}
    judged = _judged(pd.concat(list(pairs.values())), inputs, settings, work)
    sizes = [pilot_size(budget, options) for budget in options.budgets]
    return {
        seed: (found[seed], [taught(part.head(size), judged) for size in sizes])
        for seed, part in pairs.items()
    }


def _parts(settings: Settings) -> list[str]:
    names = settings.compare.strategies
    return [name for name in names if name != MIX] + (list(settings.select.mix) if MIX in names else [])


def _judged(pairs: pd.DataFrame, inputs: Inputs, settings: Settings, work: Work) -> pd.DataFrame:
    told = requests.Known(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.scores, inputs.base, inputs.people,
        inputs.known_pairs,
    )  # fmt: skip
    label = work.of("label")
    return label_pairs.ask(pairs, told, settings.label, settings.embed, seed=settings.seed, work=label).judged
