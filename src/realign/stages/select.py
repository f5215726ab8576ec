"""select: which pair of each prompt is worth a label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.core import ids, schemas
from realign.core.params import Select
from realign.core.work import Quarantine, Tally, Work, require_rows
from realign.selection import pick, strategy
from realign.selection.candidates import Candidates, candidates

_BINS = 40


@dataclass(frozen=True)
class Inputs:
    """What select reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame


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
    functions = {name: strategy(name) for name in [settings.strategy, *settings.audit]}
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
    pool = candidates(train, inputs.embeddings, settings.seed)
    picks = {name: pick(pool, function(pool), settings.select.budget) for name, function in functions.items()}
    holdout = candidates(held_out, inputs.embeddings, settings.seed)
    frames = [
        _table(pool, rows, "train" if name == settings.strategy else "audit", name)
        for name, rows in picks.items()
    ]
    frames.append(_table(holdout, pick(holdout, strategy("random")(holdout), None), "holdout", "random"))
    offered = len(pool.prompt_ids) + len(holdout.prompt_ids)
    return Outputs(
        pd.concat(frames, ignore_index=True),
        _histogram(pool, picks),
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


def _table(pool: Candidates, picked: np.ndarray, purpose: str, name: str) -> pd.DataFrame:
    by_similarity = np.lexsort((np.arange(len(pool.prompt)), pool.similarity, pool.prompt))
    counts = np.bincount(pool.prompt)
    place = np.empty(len(pool.prompt), dtype=np.int64)
    starts = np.repeat(np.concatenate([[0], counts.cumsum()[:-1]]), counts)
    place[by_similarity] = np.arange(len(pool.prompt)) - starts + 1
    rows = []
    for at in picked:
        prompt = str(pool.prompt_ids[pool.prompt[at]])
        length = {str(pool.responses[r]): int(pool.tokens[r]) for r in (pool.first[at], pool.second[at])}
        a, b = ids.shown_order(prompt, *length)
        rows.append(
            (
                purpose,
                name,
                ids.pair_id(prompt, a, b),
                prompt,
                a,
                b,
                float(pool.similarity[at]),
                float(np.round(np.log(length[a] / length[b]), 6)),
                int(place[at]),
                int(counts[pool.prompt[at]]),
            )
        )
    return pd.DataFrame(rows, columns=schemas.PAIRS.names)


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
