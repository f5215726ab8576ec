"""The columns that the suites check, computed from the tables."""

import itertools

import numpy as np
import pandas as pd

from realign.data.text import REFUSAL, segments


def responses(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns for the responses suite."""
    return pd.DataFrame(
        {
            "response_id": frame["response_id"],
            "text": frame["text"],
            "tokens": frame["tokens"],
            "truncated": (frame["finish"] == "length").astype(float),
            "refusal": frame["text"].str.match(REFUSAL).astype(float),
        }
    )


def pairs(frame: pd.DataFrame, responses: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """Columns for the pairs suite. Length ratio is longer / shorter in tokens, at least 1."""
    texts = responses.set_index("response_id")["text"]
    a, b = texts.reindex(frame["response_a"]), texts.reindex(frame["response_b"])
    split = prompts.set_index("prompt_id")["split"].reindex(frame["prompt_id"])
    belongs = np.where(frame["purpose"] == "holdout", "eval", "train")
    return pd.DataFrame(
        {
            "row_id": frame["purpose"] + " " + frame["strategy"] + " " + frame["pair_id"],
            "purpose": frame["purpose"],
            "pair_id": frame["purpose"] + frame["strategy"] + frame["pair_id"],
            "text_a": a.fillna("").to_numpy(),
            "text_b": b.fillna("").to_numpy(),
            "similarity": frame["similarity"].to_numpy(),
            "length_ratio": np.exp(frame["log_length_ratio"].abs()).round(6).to_numpy(),
            "overlap": [overlap(x, y) for x, y in zip(a.fillna(""), b.fillna(""), strict=True)],
            "known": (a.notna().to_numpy() & b.notna().to_numpy()).astype(int),
            "leaks": (
                (split.to_numpy() != belongs) | frame["prompt_id"].isin(_in_both_splits(prompts)).to_numpy()
            ).astype(int),
        }
    ).reset_index(drop=True)


def preferences(frame: pd.DataFrame, validated: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """Columns for the preferences suite. `longer_wins` is 0.5 where both are equally long."""
    held_out = set(prompts.loc[prompts["split"] == "eval", "prompt_id"])
    longer = np.sign(frame["chosen_tokens"] - frame["rejected_tokens"])
    return pd.DataFrame(
        {
            "pair_id": frame["pair_id"],
            "chosen": frame["chosen"],
            "rejected": frame["rejected"],
            "p_chosen": frame["p_chosen"],
            "validated": frame["pair_id"].isin(validated["pair_id"]).astype(int),
            "held_out": frame["prompt_id"].isin(held_out).astype(int),
            "longer_wins": (longer + 1) / 2,
        }
    )


def overlap(one: str, other: str) -> float:
    """Jaccard similarity of the sets of word bigrams of two texts; of characters where a script has no blanks."""
    left, right = _bigrams(one), _bigrams(other)
    union = len(left | right)
    return len(left & right) / union if union else 1.0


def _bigrams(text: str) -> set[tuple[str, str]]:
    return set(itertools.pairwise(["", *segments(text), ""]))


def _in_both_splits(prompts: pd.DataFrame) -> set[str]:
    splits = prompts.groupby("group")["split"].transform("nunique")
    return set(prompts.loc[splits > 1, "prompt_id"])
