"""Pairs with a label as arrays: what strategies that learn are fitted to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.data.text_features import text_features
from realign.models.reward_head import target
from realign.selection.vectors import directions
from realign.store.labels import OUTCOMES, P_A


@dataclass(frozen=True)
class LabeledPairs:
    """n labeled pairs.

    Attributes:
        vectors_a: L2-normalised. Shape (n, d).
        vectors_b: L2-normalised. Shape (n, d).
        features_a: what can be counted in a (data.text_features). Shape (n, c).
        features_b: what can be counted in b. Shape (n, c).
        target: 1 where a won, -1 where b did, 0 for a tie. Shape (n,).
        prompt_ids: shape (n,).
        log_length_ratio: ln(tokens of a / tokens of b). Shape (n,).
    """

    vectors_a: np.ndarray
    vectors_b: np.ndarray
    features_a: np.ndarray
    features_b: np.ndarray
    target: np.ndarray
    prompt_ids: np.ndarray
    log_length_ratio: np.ndarray


def labeled_pairs(
    pilot: pd.DataFrame, responses: pd.DataFrame, embeddings: pd.DataFrame
) -> LabeledPairs | None:
    """Labeled pairs as a reward head is fitted to them; None where there is no label.

    The target is the winner, not the labeler's probability: a simulated annotator's is free of the noise
    that its labels have, and people give none.

    Args:
        pilot: columns prompt_id, response_a, response_b, winner (a, b, tie, both_bad; anything else is
            passed over); every response has a finite, non-zero vector.
        responses: rows of the responses table.
        embeddings: rows of the embeddings table.
    """
    rows = pilot[pilot["winner"].isin(OUTCOMES)].sort_values(["prompt_id", "response_a", "response_b"])
    if rows.empty:
        return None
    known = responses.set_index("response_id")
    tokens = known["tokens"].clip(lower=1)
    a, b = (tokens.reindex(rows[side]).to_numpy(dtype=float) for side in ("response_a", "response_b"))
    return LabeledPairs(
        vectors_a=directions(embeddings, rows["response_a"]),
        vectors_b=directions(embeddings, rows["response_b"]),
        features_a=text_features(known["text"].reindex(rows["response_a"])),
        features_b=text_features(known["text"].reindex(rows["response_b"])),
        target=target(rows["winner"].map(P_A).to_numpy(dtype=float)),
        prompt_ids=rows["prompt_id"].to_numpy(dtype=str),
        log_length_ratio=np.log(a / b),
    )
