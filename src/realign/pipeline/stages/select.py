"""select: which pair of each prompt is worth a label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Select
from realign.selection import choose, registry
from realign.selection.candidates import Candidates, candidates
from realign.selection.labeled_pairs import labeled_pairs
from realign.selection.tables import as_pairs, known_rewards, places, single, usable
from realign.store import schemas
from realign.store.work import Quarantine, Tally, Work

_BINS = 40


@dataclass(frozen=True)
class Inputs:
    """What select reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    rewards: pd.DataFrame
    pilot: pd.DataFrame
    strategies: Path


@dataclass(frozen=True)
class Settings:
    """What select is told."""

    seed: int
    strategy: str
    audit: list[str]
    select: Select


@dataclass(frozen=True)
class Outputs:
    """What select writes."""

    pairs: pd.DataFrame
    plot_similarity: pd.DataFrame
    quarantine_select: pd.DataFrame
    tally_select: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Pick pairs of the train prompts by each strategy, and a random pair of each held-out prompt.

    A strategy that learns from labels gets the pilot's pairs first: they count in its budget and are
    trained on like the others.

    Raises:
        UserError: an unknown strategy, one that needs what is not known, or no prompt with two different
            responses.
    """
    known = registry(inputs.strategies)
    quarantine = Quarantine()
    train, held_out = usable(inputs.prompts, inputs.responses, inputs.embeddings, quarantine)
    taught = labeled_pairs(inputs.pilot, inputs.responses, inputs.embeddings)
    options = settings.select
    rewards = known_rewards(inputs.rewards)
    pool = candidates(train, inputs.embeddings, settings.seed, options, taught, rewards)
    pilot = places(pool, sorted(inputs.pilot["pair_id"]))
    names = [settings.strategy, *settings.audit]
    picks = {name: choose(name, pool, known, options, pilot) for name in names}
    holdout = candidates(held_out, inputs.embeddings, settings.seed, single(options), taught)
    frames = [
        as_pairs(pool, rows, "train" if name == settings.strategy else "audit", name)
        for name, rows in picks.items()
    ]
    frames.append(as_pairs(holdout, choose("random", holdout, known, holdout.options), "holdout", "random"))
    offered = len(pool.prompt_ids) + len(holdout.prompt_ids)
    return Outputs(
        pd.concat(frames, ignore_index=True),
        _histogram(pool, {name: rows.pairs for name, rows in picks.items()}),
        quarantine.frame(),
        quarantine.tally({"prompt": len(inputs.prompts)}, {"prompt": offered}),
    )


def _histogram(pool: Candidates, picks: dict[str, np.ndarray]) -> pd.DataFrame:
    edges = np.linspace(
        pool.similarity.min(), max(pool.similarity.max(), pool.similarity.min() + 1e-5), _BINS + 1
    )
    rows = []
    for name, chosen in {"all": np.arange(len(pool.prompt)), **picks}.items():
        counts, _ = np.histogram(pool.similarity[chosen], bins=edges)
        rows += [
            (name, at, round(float(edges[at]), 6), round(float(edges[at + 1]), 6), int(n))
            for at, n in enumerate(counts)
        ]
    return pd.DataFrame(rows, columns=schemas.HISTOGRAM.names)
