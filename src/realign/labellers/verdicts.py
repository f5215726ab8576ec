"""What a labeller is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.core.params import Label
from realign.core.work import Work


@dataclass(frozen=True)
class Question:
    """Pairs to be judged, each once.

    Attributes:
        pairs: columns pair_id, prompt_id, messages, rule, response_a, response_b, text_a, text_b.
        scores: the scores table.
        settings: the label section.
        seed: of the run.
        work: for rows that are costly to compute.
    """

    pairs: pd.DataFrame
    scores: pd.DataFrame
    settings: Label
    seed: int
    work: Work


@dataclass(frozen=True)
class Verdicts:
    """One verdict a pair, in the question's order.

    Attributes:
        winner: 'a', 'b', 'tie', or '' where the labeller knows nothing. Shape (n,).
        p_a: probability that a is better; 0.5 where nothing is known. Shape (n,).
        labeller: who judged.
    """

    winner: np.ndarray
    p_a: np.ndarray
    labeller: str


def by_gap(gap: np.ndarray, tie_gap: float) -> np.ndarray:
    """'a' where the gap (quality of a - of b) is above `tie_gap`, 'b' below -`tie_gap`, '' for NaN."""
    winner = np.where(gap > 0, "a", "b")
    winner = np.where(np.abs(gap) <= tie_gap, "tie", winner)
    return np.where(np.isnan(gap), "", winner)


def score_gap(pairs: pd.DataFrame, scores: pd.DataFrame, annotator: str) -> np.ndarray:
    """Score of a minus score of b by one annotator; NaN where either is missing. Shape (n,)."""
    known = scores[scores["annotator"] == annotator].set_index("response_id")["score"]
    a = known.reindex(pairs["response_a"]).to_numpy(dtype=float)
    return np.asarray(a - known.reindex(pairs["response_b"]).to_numpy(dtype=float))
