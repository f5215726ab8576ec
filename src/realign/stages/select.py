"""select: which pair of each prompt is worth a label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign.core import ids, schemas
from realign.core.params import Select
from realign.core.work import Quarantine, Tally, Work, require_rows
from realign.selection import Picks, choose, registry
from realign.selection.candidates import Candidates, candidates
from realign.selection.choose import choices
from realign.selection.lessons import lessons

_BINS = 40
_HOLDOUT = {"budget": None, "pairs_per_prompt": 1}  # held-out pairs measure the model: one a prompt, always


@dataclass(frozen=True)
class Inputs:
    """What select reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
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

    Raises:
        UserError: an unknown strategy, or no prompt with two different responses.
    """
    return picked(inputs, settings)


def picked(
    inputs: Inputs, settings: Settings, pilot: pd.DataFrame | None = None, rewards: pd.Series | None = None
) -> Outputs:
    """The same with what is known already.

    Args:
        inputs: the tables.
        settings: seed, strategies, options.
        pilot: labelled pairs of train prompts (selection.lessons), for strategies that learn.
        rewards: implicit reward by response id, for implicit_margin and implicit_margin_small.

    Raises:
        UserError: an unknown strategy, one that needs what is not known, or no prompt with two different
            responses.
    """
    known = registry(inputs.strategies)
    quarantine = Quarantine()
    usable = _usable(inputs, quarantine)
    split = inputs.prompts.set_index("prompt_id")["split"].reindex(usable["prompt_id"]).to_numpy()
    train, held_out = usable[split == "train"], usable[split == "eval"]
    for part, name in ((train, "train"), (held_out, "eval")):
        require_rows(
            part,
            f"{name} prompts with two different responses",
            "give more prompts or responses (prepare, generate.k), or change prepare.eval_share",
        )
    taught = None if pilot is None else lessons(pilot, inputs.responses, inputs.embeddings)
    options = settings.select
    pool = candidates(train, inputs.embeddings, settings.seed, options, taught, rewards)
    picks = {name: choose(name, pool, known, options) for name in [settings.strategy, *settings.audit]}
    single = options.model_copy(update=_HOLDOUT)
    holdout = candidates(held_out, inputs.embeddings, settings.seed, single, taught)
    frames = [
        _table(pool, rows, "train" if name == settings.strategy else "audit", name)
        for name, rows in picks.items()
    ]
    frames.append(_table(holdout, choose("random", holdout, known, single), "holdout", "random"))
    offered = len(pool.prompt_ids) + len(holdout.prompt_ids)
    return Outputs(
        pd.concat(frames, ignore_index=True),
        _histogram(pool, {name: rows.pairs for name, rows in picks.items()}),
        quarantine.frame(),
        quarantine.tally({"prompt": len(inputs.prompts)}, {"prompt": offered}),
    )


def _usable(inputs: Inputs, quarantine: Quarantine) -> pd.DataFrame:
    """Responses of prompts with at least two that have a direction to compare."""
    vectors = inputs.embeddings.set_index("response_id")["vector"]
    sound = {id_ for id_, v in vectors.items() if np.isfinite(v).all() and np.any(v)}
    responses = inputs.responses[inputs.responses["response_id"].isin(sound)]
    counts = responses.groupby("prompt_id").size().reindex(inputs.prompts["prompt_id"], fill_value=0)
    for prompt, count in counts[counts < 2].items():
        reason = "one_response" if count else "no_response"
        quarantine.add("prompt", str(prompt), reason, "fewer than two different usable responses")
    return responses[responses["prompt_id"].isin(counts[counts >= 2].index)]


def _table(pool: Candidates, picks: Picks, purpose: str, name: str) -> pd.DataFrame:
    rank = choices(pool, pool.similarity)
    counts = np.bincount(pool.prompt)
    rows = []
    for at, choice in zip(picks.pairs, picks.choice, strict=True):
        prompt = str(pool.prompt_ids[pool.prompt[at]])
        first, second = str(pool.responses[pool.first[at]]), str(pool.responses[pool.second[at]])
        a, b = ids.shown_order(prompt, first, second)
        side = 1.0 if a == first else -1.0
        rows.append(
            (
                purpose,
                name,
                ids.pair_id(prompt, a, b),
                prompt,
                a,
                b,
                float(pool.similarity[at]),
                side * float(pool.log_length_ratio[at]) + 0.0,
                None if pool.lessons is None else side * float(pool.gap[at]) + 0.0,
                int(choice),
                int(rank[at]),
                int(counts[pool.prompt[at]]),
            )
        )
    return pd.DataFrame(rows, columns=schemas.PAIRS.names).astype({"predicted_gap": float})


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
