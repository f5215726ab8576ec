"""Pairs with their texts, and labeled pairs as preferences."""

import numpy as np
import pandas as pd

from realign.store import schemas
from realign.store.labels import SIDES

_ROUNDING = 1e-9


def with_texts(pairs: pd.DataFrame, prompts: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Pairs with what a labeler reads: text_a, text_b, messages, rule."""
    texts = responses.set_index("response_id")["text"]
    prompts = prompts.set_index("prompt_id")
    return pairs.assign(
        text_a=texts.loc[pairs["response_a"]].to_numpy(),
        text_b=texts.loc[pairs["response_b"]].to_numpy(),
        messages=prompts["messages"].loc[pairs["prompt_id"]].to_numpy(),
        rule=prompts["rule"].loc[pairs["prompt_id"]].to_numpy(),
    ).reset_index(drop=True)


def even(labels: pd.DataFrame, unsure: float | None) -> pd.Series:
    """Labels that name a side of a pair that the labeler calls even: |p - 1/2| up to `unsure`; None for none. (n,) bool."""
    near = (labels["p_a"] - 0.5).abs() <= (-1.0 if unsure is None else unsure + _ROUNDING)
    return labels["winner"].isin(SIDES) & near


def as_preferences(
    labels: pd.DataFrame, texts: pd.DataFrame, responses: pd.DataFrame, unsure: float | None
) -> pd.DataFrame:
    """Labeled pairs as the preferences table, without ties, pairs whose responses are both bad, and `even` ones.

    Args:
        labels: columns pair_id, prompt_id, response_a, response_b, similarity, winner, p_a, labeler.
        texts: the same pairs with texts (with_texts).
        responses: the responses table.
        unsure: label.unsure.
    """
    rows = labels[labels["winner"].isin(SIDES) & ~even(labels, unsure)]
    rows = rows.merge(texts[["pair_id", "text_a", "text_b", "messages"]], on="pair_id")
    a_wins = (rows["winner"] == "a").to_numpy()
    chosen = np.where(a_wins, rows["response_a"], rows["response_b"])
    rejected = np.where(a_wins, rows["response_b"], rows["response_a"])
    tokens = responses.set_index("response_id")["tokens"]
    return rows.assign(
        chosen_id=chosen,
        rejected_id=rejected,
        chosen=np.where(a_wins, rows["text_a"], rows["text_b"]),
        rejected=np.where(a_wins, rows["text_b"], rows["text_a"]),
        p_chosen=np.where(a_wins, rows["p_a"], 1 - rows["p_a"]),
        chosen_tokens=tokens.loc[chosen].to_numpy(),
        rejected_tokens=tokens.loc[rejected].to_numpy(),
    )[schemas.PREFERENCES.names]
