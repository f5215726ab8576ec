"""What a labeler is, what it is given and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from realign.config import params
from realign.evaluation.intervals import Resampling
from realign.store.labels import NO_LABEL, Label
from realign.store.work import Work


@dataclass(frozen=True)
class LabelInputs:
    """All that a labeler may look at, beside the pairs themselves. Stages that label pairs read these artifacts.

    Attributes:
        prompts: the prompts table.
        responses: the responses table.
        embeddings: the embeddings table; these texts are not embedded again.
        scores: the scores table.
        base: the base policy's folder.
        people: the folder of people's votes.
        known_pairs: the file of label.known_pairs.
        rubric: the file of label.judge.rubric.
        ledger: the folder of label.quality_head.ledger.
    """

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    scores: pd.DataFrame
    base: Path
    people: Path
    known_pairs: Path
    rubric: Path
    ledger: Path


@dataclass(frozen=True)
class LabelRequest:
    """Pairs to be labeled, each once, and what the labeler may look at.

    Attributes:
        pairs: columns pair_id, prompt_id, messages, rule, response_a, response_b, text_a, text_b.
        scores: the scores table.
        settings: the label section.
        seed: of the run.
        work: for rows that are costly to compute, and answers that were paid for.
        base: the base policy's folder.
        vectors: embeddings of texts, (n,) -> (n, d) float64; known ones are not computed again.
        votes: people's votes so far (rows of the ledger table), on any pairs.
        known: pairs whose answer is known (data.known_pairs), empty where params name none.
        rubric: the judge's rubric.
        labels: judges' labels to learn from (rows of the ledger table), on any pairs; empty where params name none.
        intervals: how the intervals of facts are made.
        uses: what each pair is for, a row a use: purpose, strategy, pair_id; empty outside of a run.
    """

    pairs: pd.DataFrame
    scores: pd.DataFrame
    settings: params.Label
    seed: int
    work: Work
    base: Path
    vectors: Callable[[Sequence[str]], np.ndarray]
    votes: pd.DataFrame
    known: pd.DataFrame
    rubric: Path
    labels: pd.DataFrame
    intervals: Resampling
    uses: pd.DataFrame


def count_uses(uses: pd.DataFrame, pairs: pd.Series[str]) -> str:
    """What these pairs are for, in words: '109 train easy, 96 audit random; a pair may serve several'."""
    late = uses[uses["pair_id"].isin(pairs)]
    counts = (late["purpose"] + " " + late["strategy"]).value_counts().sort_index()
    return ", ".join(f"{count} {use}" for use, count in counts.items()) + "; a pair may serve several"


@dataclass(frozen=True)
class Labels:
    """One label a pair, in the request's order.

    Attributes:
        winner: a store.labels.Label, or why there is none: OVER_BUDGET or NO_LABEL. Shape (n,).
        p_a: probability that a is better; 0.5 where nothing is known. Shape (n,).
        labeler: who labeled, one name for all or one a pair.
        orders: the label with a shown first, and the one with b shown first, '' where there is none
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
        """Whether both orders gave the same label. Shape (n,) bool."""
        if self.orders is None:
            return None
        ab, ba = self.orders[:, 0], self.orders[:, 1]
        return np.asarray((ab == ba) & ~np.isin(ab, ("", Label.ABSTAIN.value)))


@dataclass(frozen=True)
class Outlook:
    """What labeling pairs would cost, before anything is bought.

    Attributes:
        pairs: a row a pair, in the order in which they are paid for, by pair_id: within (the budget pays for
            it), calls (still to be made), characters (of the prompt of one call), and what is known already:
            known_calls, known_tokens_in, known_tokens_out, known_seconds.
        money: the price of tokens read and tokens written.
        at_once: calls under way at a time.
        longest: tokens of an answer at most.
    """

    pairs: pd.DataFrame
    money: Callable[[float, float], float]
    at_once: int
    longest: int


def no_problems(params: params.Params) -> list[str]:
    """For labelers that work with any other parameters."""
    return []


@dataclass(frozen=True)
class Labeler:
    """Whoever says which response of a pair is better. Declared as LABELER in its own file (labelers.registry).

    Attributes:
        label: labels the pairs of a request.
        problems: combinations of parameters with which it cannot work, each with its mend.
        asks_people: it stops until people have voted.
        needs_scores: it reads the scores that came with the data.
        simulated: it knows the rule of the builtin tasks, and nothing else.
        labels_outside: it can label pairs that are not from this run's data: label.known_pairs, judge-check.
        learns: it is trained on labels, those of label.quality_head.ledger among them.
        outlook: what labeling the pairs of a request would cost; None for a labeler that is free.
        ask_again: has all its abstentions asked again by whoever labels next, given the label section and the
            rubric; returns on how many pairs. None for a labeler that keeps no answers.
        before_people: name of the labeler that goes first, where people get only some of the pairs.
    """

    label: Callable[[LabelRequest], Labels]
    problems: Callable[[params.Params], list[str]] = no_problems
    asks_people: bool = False
    needs_scores: bool = False
    simulated: bool = False
    labels_outside: bool = True
    learns: bool = False
    outlook: Callable[[LabelRequest], Outlook] | None = None
    ask_again: Callable[[params.Label, Path, Work], int] | None = None
    before_people: Callable[[params.Label], str] | None = None

    @property
    def costs_money(self) -> bool:
        """Whether its labels are paid for."""
        return self.outlook is not None


def by_gap(gap: np.ndarray, tie_gap: float) -> np.ndarray:
    """'a' where the gap (quality of a - of b) is above `tie_gap`, 'b' below -`tie_gap`, NO_LABEL for NaN."""
    winner = np.where(gap > 0, Label.A.value, Label.B.value)
    winner = np.where(np.abs(gap) <= tie_gap, Label.TIE.value, winner)
    return np.where(np.isnan(gap), NO_LABEL, winner)


def score_gap(pairs: pd.DataFrame, scores: pd.DataFrame, annotator: str) -> np.ndarray:
    """Score of a minus score of b by one annotator; NaN where either is missing. Shape (n,)."""
    known = scores[scores["annotator"] == annotator].set_index("response_id")["score"]
    a = known.reindex(pairs["response_a"]).to_numpy(dtype=float)
    return np.asarray(a - known.reindex(pairs["response_b"]).to_numpy(dtype=float))


def p_by_gap(gap: np.ndarray, temperature: float) -> np.ndarray:
    """Probability that a is better, sigmoid(gap / temperature) (Bradley and Terry 1952); 1/2 for NaN. Shape (n,)."""
    return np.asarray(np.nan_to_num(expit(gap / temperature), nan=0.5))
