"""picks: the pairs that every arm of the equal-budget experiment buys, each distinct pair labeled once."""

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Compare, Embed, Label, Pilot, Select, Validate
from realign.evaluation.held_out import better_side
from realign.evaluation.intervals import Resampling
from realign.labelers.base import LabelInputs
from realign.labelers.label_pairs import label_pairs
from realign.quality import suites
from realign.selection import Strategy, choose, needing, registry
from realign.selection.arm_picks import arm_picks, pilot_size, refuse
from realign.selection.candidates import Candidates, candidates
from realign.selection.labeled_pairs import LabeledPairs, labeled_pairs
from realign.selection.pilot import pilot, pilot_rows
from realign.selection.tables import as_pairs, known_rewards, single, sound, usable
from realign.store import ids, schemas
from realign.store.labels import OUTCOMES
from realign.store.quarantine import Quarantine
from realign.store.work import Work

EXPERIMENT = True


@dataclass(frozen=True)
class Inputs(LabelInputs):
    """What picks reads: what labelers may look at, the policy's own rewards, and a team's own strategies."""

    rewards: pd.DataFrame
    strategies: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    embed: Embed
    pilot: Pilot = field(metadata={"only": ("by", "round")})
    select: Select = field(
        metadata={"only": ("across", "pairs_per_prompt", "mix", "text_features", "options")}
    )
    validate: Validate = field(metadata={"only": suites.PAIR_LIMITS})
    label: Label
    compare: Compare = field(metadata={"only": ("strategies", "budgets", "seeds", "pilot")})
    resamples: int = field(metadata={"key": "evaluate.resamples"})
    confidence: float = field(metadata={"key": "evaluate.confidence"})


@dataclass(frozen=True)
class Outputs:
    arm_picks: pd.DataFrame
    held_out: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Decide which pairs each arm buys, and have them labeled by the run's labeler.

    The row checks of the pairs gate come before the cut, so that every arm buys as many labels as its
    budget says, and the labeler's seed is the run's, so that a pair has one label whichever arm picks it.
    A pair without a label (people abstained, a judge could not be read) was bought all the same.

    Raises:
        UserError: a strategy or a budget is impossible, or the labeler cannot label this data.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    known = registry(inputs.strategies)
    train, held_out = usable(inputs.prompts, inputs.responses, inputs.embeddings, Quarantine())
    rewards = known_rewards(inputs.rewards)
    there = train["prompt_id"].nunique()
    refuse(settings.compare, settings.select, settings.pilot, rewards is not None, known, there)
    pools = {
        seed: candidates(
            train, inputs.embeddings, ids.arm_seed(settings.seed, seed), settings.select, rewards=rewards
        )
        for seed in settings.compare.seeds
    }
    allowed = _sound(next(iter(pools.values())), "train", inputs, settings)
    pilots = _pilots(pools, known, allowed, inputs, settings, work)
    bought = pd.concat(
        [
            arm_picks(pool, known, settings.compare, seed, allowed, *pilots[seed])
            for seed, pool in pools.items()
        ],
        ignore_index=True,
    )
    measure = candidates(held_out, inputs.embeddings, settings.seed, single(settings.select))
    chance = choose(
        "random", measure, known, measure.options, sound=_sound(measure, "holdout", inputs, settings)
    )
    holdout = as_pairs(measure, chance, "holdout", "random")
    labeled = _labeled(pd.concat([bought, holdout], ignore_index=True), inputs, settings, work)
    labels = labeled[["pair_id", "winner", "p_a", "labeler", "gold"]]
    merged = bought.merge(labels, on="pair_id", validate="many_to_one")
    known_label = merged["winner"].isin(OUTCOMES)
    print(
        f"picks: {len(labeled)} distinct pairs labeled for {len(settings.compare.arms())} arms; "
        f"{int((~known_label).sum())} of {len(merged)} picks got no label",
        file=sys.stderr,
    )
    measured = holdout.merge(labels, on="pair_id")
    return Outputs(
        merged.loc[known_label, schemas.ARM_PICKS.names],
        better_side(measured[measured["winner"].isin(OUTCOMES)])[schemas.HELD_OUT.names],
    )


def _sound(pool: Candidates, purpose: str, inputs: Inputs, settings: Settings) -> np.ndarray:
    return sound(pool, purpose, inputs.responses, inputs.prompts, settings.validate)


def _pilots(
    pools: dict[int, Candidates],
    known: dict[str, Strategy],
    allowed: np.ndarray,
    inputs: Inputs,
    settings: Settings,
    work: Work,
) -> dict[int, tuple[np.ndarray, list[LabeledPairs | None]]]:
    """By seed, the pairs of the largest budget's pilot, and the labels of each budget's pilot.

    Nothing is labeled where no strategy learns; seeds are labeled together where pilots are drawn by chance.
    """
    budgets = settings.compare.budgets
    if not needing("labels", settings.compare.strategies, settings.select, known):
        return {seed: (np.zeros(0, dtype=int), [None] * len(budgets)) for seed in pools}
    tables = (inputs.responses, inputs.embeddings)
    size = pilot_size(max(budgets), settings.compare)

    def learn(pool: Candidates, pairs: np.ndarray) -> LabeledPairs | None:
        rows = pilot_rows(pool, pairs, settings.pilot.by)
        return labeled_pairs(_labeled(rows, inputs, settings, work), *tables)

    picked = {
        seed: pilot(pool, known, size, allowed, settings.pilot, partial(learn, pool))
        for seed, pool in pools.items()
    }
    rows = {seed: pilot_rows(pools[seed], pairs, settings.pilot.by) for seed, pairs in picked.items()}
    labeled = _labeled(pd.concat(list(rows.values())), inputs, settings, work)

    def learned(seed: int, budget: int) -> LabeledPairs | None:
        pairs = rows[seed]["pair_id"].head(pilot_size(budget, settings.compare))
        return labeled_pairs(labeled[labeled["pair_id"].isin(pairs)], *tables)

    return {seed: (picked[seed], [learned(seed, budget) for budget in budgets]) for seed in pools}


def _labeled(pairs: pd.DataFrame, inputs: Inputs, settings: Settings, work: Work) -> pd.DataFrame:
    how = Resampling(settings.resamples, settings.confidence, settings.seed)
    label = work.of("label")
    return label_pairs(pairs, inputs, settings.label, settings.embed, intervals=how, work=label).pairs
