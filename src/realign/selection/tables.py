"""From tables to candidates, and from picks back to the pairs table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from realign.config.params import Select, Validate
from realign.quality import frames, gate, suites
from realign.selection.candidates import Candidates
from realign.selection.choose import Picks, choices
from realign.store import ids, schemas
from realign.store.quarantine import Quarantine, require_rows

HOLDOUT = {
    "budget": None,
    "pairs_per_prompt": 1,
    "across": "top",
}  # one a prompt, whatever is bought to train on


def usable(
    prompts: pd.DataFrame, responses: pd.DataFrame, embeddings: pd.DataFrame, quarantine: Quarantine
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Responses of train and of held-out prompts with at least two that have a direction to compare.

    Args:
        prompts: the prompts table.
        responses: the responses table.
        embeddings: the embeddings table.
        quarantine: collects the prompts that have fewer.

    Raises:
        UserError: a split has no such prompt.
    """
    vectors = embeddings.set_index("response_id")["vector"]
    sound = {id_ for id_, v in vectors.items() if np.isfinite(v).all() and np.any(v)}
    kept = responses[responses["response_id"].isin(sound)]
    counts = kept.groupby("prompt_id").size().reindex(prompts["prompt_id"], fill_value=0)
    for prompt, count in counts[counts < 2].items():
        reason = "one_response" if count else "no_response"
        quarantine.add("prompt", str(prompt), reason, "fewer than two different usable responses")
    kept = kept[kept["prompt_id"].isin(counts[counts >= 2].index)]
    split = prompts.set_index("prompt_id")["split"].reindex(kept["prompt_id"]).to_numpy()
    train, held_out = kept[split == "train"], kept[split == "eval"]
    for part, name in ((train, "train"), (held_out, "eval")):
        require_rows(
            part,
            f"{name} prompts with two different responses",
            "give more prompts or responses (prepare, generate.k), or change prepare.eval_share",
        )
    return train, held_out


def known_rewards(rewards: pd.DataFrame) -> pd.Series | None:
    """Implicit rewards by response id, from the rewards table; None where none were computed."""
    return None if rewards.empty else rewards.set_index("response_id")["reward"]


def as_pairs(pool: Candidates, picks: Picks, purpose: str, name: str) -> pd.DataFrame:
    """Picks as rows of the pairs table, in the order of the picks."""
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
                None if pool.labeled_pairs is None else side * float(pool.gap[at]) + 0.0,
                int(choice),
                int(rank[at]),
                int(counts[pool.prompt[at]]),
            )
        )
    return pd.DataFrame(rows, columns=schemas.PAIRS.names).astype({"predicted_gap": float})


def sound(
    pool: Candidates, purpose: str, responses: pd.DataFrame, prompts: pd.DataFrame, limits: Validate
) -> np.ndarray:
    """Candidates that pass the row checks of the pairs gate, so that none is paid for and then set aside. Shape (P,).

    Args:
        pool: the candidates.
        purpose: as in the pairs table.
        responses: the responses table.
        prompts: the prompts table.
        limits: the validate section.
    """
    everything = Picks(np.arange(len(pool.prompt)), np.ones(len(pool.prompt), dtype=int))
    columns = frames.pairs(as_pairs(pool, everything, purpose, "all"), responses, prompts)
    failed = gate.failing(columns, suites.pairs(limits, len(columns)))
    return np.asarray(~columns["row_id"].isin(list(failed)))


def places(pool: Candidates, pair_ids: Sequence[str]) -> np.ndarray:
    """Indices of these pairs among the candidates, in their order. Shape (n,)."""
    index = {pair: at for at, pair in enumerate(pool.pair_ids())} if len(pair_ids) else {}
    return np.array([index[pair] for pair in pair_ids], dtype=int)


def single(options: Select) -> Select:
    """The select section for held-out pairs, which measure the model: one a prompt, always."""
    return options.model_copy(update=HOLDOUT)
