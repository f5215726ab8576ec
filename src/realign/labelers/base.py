"""What a labeler is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from realign.config.params import Label
from realign.store.work import Work

OUTCOMES = ("a", "b", "tie", "both_bad")
ABSTAINED, OVER_BUDGET = "abstained", "over_budget"


@dataclass(frozen=True)
class Question:
    """Pairs to be judged, each once.

    Attributes:
        pairs: columns pair_id, prompt_id, messages, rule, response_a, response_b, text_a, text_b.
        scores: the scores table.
        settings: the label section.
        seed: of the run.
        work: for rows that are costly to compute, and the ledger.
        base: the base policy's folder.
        vectors: embeddings of texts, (n,) -> (n, d) float64; known ones are not computed again.
        votes: what people said so far (the verdicts table), of any pairs.
        known: pairs whose answer is known (sources.known), empty where params name none.
    """

    pairs: pd.DataFrame
    scores: pd.DataFrame
    settings: Label
    seed: int
    work: Work
    base: Path
    vectors: Callable[[Sequence[str]], np.ndarray]
    votes: pd.DataFrame
    known: pd.DataFrame


@dataclass(frozen=True)
class Verdicts:
    """One verdict a pair, in the question's order.

    Attributes:
        winner: one of OUTCOMES, or why there is none: 'abstained', 'over_budget', '' for no
            knowledge. Shape (n,).
        p_a: probability that a is better; 0.5 where nothing is known. Shape (n,).
        labeler: who judged, one name for all or one a pair.
        orders: what was said with a shown first, and with b shown first, each one of OUTCOMES or ''
            (so 'a' in both columns is consistent); None where a labeler has no order. Shape (n, 2).
        facts: figures of how the labels came about, for reports/labeling.json: plain JSON content
            that the same ledger gives again.
    """

    winner: np.ndarray
    p_a: np.ndarray
    labeler: str | np.ndarray
    orders: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def consistent(self) -> np.ndarray | None:
        """Whether both orders said the same thing. Shape (n,) bool."""
        if self.orders is None:
            return None
        return np.asarray((self.orders[:, 0] == self.orders[:, 1]) & (self.orders[:, 0] != ""))


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


def p_by_gap(gap: np.ndarray, temperature: float) -> np.ndarray:
    """Probability that a is better, sigmoid(gap / temperature) (Bradley and Terry 1952); 1/2 for NaN. Shape (n,)."""
    return np.asarray(np.nan_to_num(expit(gap / temperature), nan=0.5))
