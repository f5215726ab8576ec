"""Consensus by crowd-kit: one probability a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from realign.labelers.human.votes import first
from realign.store.labels import P_A

Method = Literal["majority", "dawid_skene", "mace"]

_DECIMALS = 6
_MACE_RESTARTS = 3


def aggregate(votes: pd.DataFrame, method: Method, seed: int = 0) -> pd.DataFrame:
    """The consensus on every pair with a vote: pair_id, winner (a, b, tie, both_bad), p_a, votes.

    p_a = P(a) + P(tie) / 2 + P(both_bad) / 2, a probability that training can use. Where two classes are
    equally probable, the winner is 'tie' and p_a is 0.5. Planted repeats and abstentions are left out.

    Args:
        votes: rows of the ledger table.
        method: `majority`; `dawid_skene` (a confusion matrix an annotator, EM; Dawid and Skene 1979);
            `mace` (each knows the answer or spams; Hovy et al. 2013).
        seed: of MACE's restarts.
    """
    once = first(votes)
    if once.empty:
        types = {"pair_id": "str", "winner": "str", "p_a": "float64", "votes": "int64"}
        return pd.DataFrame(columns=list(types)).astype(types)
    names = {"pair_id": "task", "annotator": "worker", "winner": "label"}
    classes = _MODELS[method](once[list(names)].rename(columns=names), seed).sort_index()
    # classes that differ by less than EM's precision are equally probable
    level = classes.ge(classes.max(axis=1) - 10**-_DECIMALS, axis=0).sum(axis=1) > 1
    p_a = classes @ pd.Series(P_A)[classes.columns]
    return pd.DataFrame(
        {
            "pair_id": classes.index,
            "winner": classes.idxmax(axis=1).mask(level, "tie").to_numpy(),
            "p_a": p_a.mask(level, 0.5).round(_DECIMALS).to_numpy(),
            "votes": once.groupby("pair_id").size().reindex(classes.index).to_numpy(),
        }
    )


def _majority(answers: pd.DataFrame, seed: int) -> pd.DataFrame:
    from crowdkit.aggregation import MajorityVote

    probabilities: pd.DataFrame = MajorityVote().fit(answers).probas_
    return probabilities


def _dawid_skene(answers: pd.DataFrame, seed: int) -> pd.DataFrame:
    from crowdkit.aggregation import DawidSkene

    probabilities: pd.DataFrame = DawidSkene().fit(answers).probas_
    return probabilities


def _mace(answers: pd.DataFrame, seed: int) -> pd.DataFrame:
    from crowdkit.aggregation import MACE

    # crowd-kit 1.4 numbers workers and labels by first appearance in one place and sorted in another:
    # hand it numbers for which both orders agree
    worker, _ = pd.factorize(answers["worker"])
    label, labels = pd.factorize(answers["label"])
    # an integer would start every restart from the same point
    state = np.random.RandomState(seed)
    model = MACE(n_restarts=_MACE_RESTARTS, random_state=state).fit(
        answers.assign(worker=worker, label=label)
    )
    probabilities: pd.DataFrame = model.probas_.sort_index(axis=1)
    return probabilities.set_axis(pd.Index(labels, dtype="str"), axis=1)


_MODELS: dict[Method, Callable[[pd.DataFrame, int], pd.DataFrame]] = {
    "majority": _majority,
    "dawid_skene": _dawid_skene,
    "mace": _mace,
}
"""P(class) of answers (task, worker, label): a row a task, a column for each class with a vote."""
