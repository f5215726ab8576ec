"""The pairs table: what each strategy picks of the train prompts, and a random pair of each held-out prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.config.params import Select
from realign.selection.candidates import Candidates, candidates
from realign.selection.choose import choose
from realign.selection.labeled_pairs import labeled_pairs
from realign.selection.registry import Strategy
from realign.selection.tables import as_pairs, known_rewards, places, single, usable
from realign.store import schemas
from realign.store.quarantine import Quarantine, Tally

BINS = 40  # of the histogram of similarities


@dataclass(frozen=True)
class Selected:
    """The pairs table, the histogram of similarities, and what was set aside."""

    pairs: pd.DataFrame
    histogram: pd.DataFrame
    quarantine: Quarantine
    tally: Tally


def select(
    prompts: pd.DataFrame,
    responses: pd.DataFrame,
    embeddings: pd.DataFrame,
    rewards: pd.DataFrame,
    pilot: pd.DataFrame,
    *,
    strategies: Sequence[str],
    known: Mapping[str, Strategy],
    options: Select,
    seed: int,
) -> Selected:
    """Pick pairs of the train prompts by each strategy, and a random pair of each held-out prompt.

    A strategy that learns from labels gets the pilot's pairs first: they count in its budget and are
    trained on like the others.

    Args:
        prompts: the prompts table.
        responses: the responses table.
        embeddings: the embeddings table.
        rewards: the rewards table, empty where none were computed.
        pilot: the pilot table, empty where nothing is labeled yet.
        strategies: the one to train with, then those that are only measured (audit).
        known: strategies by name.
        options: the select section.
        seed: of the run.

    Raises:
        UserError: an unknown strategy, one that needs what is not known, or no prompt with two different
            responses.
    """
    quarantine = Quarantine()
    train, held_out = usable(prompts, responses, embeddings, quarantine)
    learned = labeled_pairs(pilot, responses, embeddings)
    pool = candidates(train, embeddings, seed, options, learned, known_rewards(rewards))
    labeled = places(pool, sorted(pilot["pair_id"]))
    picks = {name: choose(name, pool, known, options, labeled) for name in strategies}
    holdout = candidates(held_out, embeddings, seed, single(options), learned)
    frames = [
        as_pairs(pool, picked, "audit" if number else "train", name)
        for number, (name, picked) in enumerate(picks.items())
    ]
    frames.append(as_pairs(holdout, choose("random", holdout, known, holdout.options), "holdout", "random"))
    offered = len(pool.prompt_ids) + len(holdout.prompt_ids)
    return Selected(
        pd.concat(frames, ignore_index=True),
        histogram(pool, {name: picked.pairs for name, picked in picks.items()}),
        quarantine,
        quarantine.tally({"prompt": len(prompts)}, {"prompt": offered}),
    )


def edges(pool: Candidates) -> np.ndarray:
    """Edges of the histogram's bins, of equal width over all candidates. Shape (BINS + 1,)."""
    low = pool.similarity.min()
    return np.linspace(low, max(pool.similarity.max(), low + 1e-5), BINS + 1)


def histogram(pool: Candidates, picks: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The HISTOGRAM table: similarities of all candidates, and of picks, given by their indices."""
    at = edges(pool)
    return histogram_rows(
        at,
        {
            name: np.histogram(pool.similarity[chosen], at)[0]
            for name, chosen in {"all": np.arange(len(pool.prompt)), **picks}.items()
        },
    )


def histogram_rows(at: np.ndarray, counts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Counts by name as the HISTOGRAM table. Shapes (BINS + 1,), (BINS,)."""
    ends = [round(float(end), 6) for end in at]
    rows = [
        (name, place, ends[place], ends[place + 1], int(count))
        for name, part in counts.items()
        for place, count in enumerate(part)
    ]
    return pd.DataFrame(rows, columns=schemas.HISTOGRAM.names)
