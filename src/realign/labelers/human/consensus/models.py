"""Consensus by crowd-kit: one probability a pair, and each annotator's reliability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from realign.labelers.human.votes import first
from realign.store.labels import P_A

Method = Literal["majority", "dawid_skene", "mace"]

_DECIMALS = 6
_MACE_RESTARTS = 3


@dataclass(frozen=True)
class _Fit:
    """A fitted model.

    Attributes:
        classes: P(class), a row a pair, a column for each class with a vote.
        reliability: by annotator.
    """

    classes: pd.DataFrame
    reliability: pd.Series[float]


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
    classes = _fit(once, method, seed).classes
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


def reliability(votes: pd.DataFrame, method: Method, seed: int = 0) -> pd.DataFrame:
    """How often each annotator is right, as the model estimates it: annotator, reliability.

    - majority: share of their votes that equal the consensus; as it includes their own vote, it is too
      high where few people vote, and too low for somebody better than the rest;
    - dawid_skene: sum over classes of P(class) P(they say class | class): the expected diagonal of
      their confusion matrix;
    - mace: P(they know) + P(they guess) P(the guess happens to be right).

    With three annotators and no ties, the standard error is about 0.05 on 1,500 pairs, whatever the
    model; ties, more annotators or more pairs make it smaller.
    """
    once = first(votes)
    if once.empty:
        return pd.DataFrame({"annotator": pd.Series(dtype="str"), "reliability": pd.Series(dtype="float64")})
    skill = _fit(once, method, seed).reliability.sort_index().round(_DECIMALS)
    return pd.DataFrame({"annotator": skill.index, "reliability": skill.to_numpy()})


def _fit(votes: pd.DataFrame, method: Method, seed: int) -> _Fit:
    names = {"pair_id": "task", "annotator": "worker", "winner": "label"}
    fit = _MODELS[method](votes[list(names)].rename(columns=names), seed)
    return _Fit(fit.classes.sort_index(), fit.reliability)


def _majority(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import MajorityVote

    model = MajorityVote().fit(answers)
    return _Fit(model.probas_, model.skills_)


def _dawid_skene(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import DawidSkene

    model = DawidSkene().fit(answers)
    right = {
        (worker, label): row[label] * model.priors_[label]
        for (worker, label), row in model.errors_.iterrows()
    }
    return _Fit(model.probas_, pd.Series(right).groupby(level=0).sum())


def _mace(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import MACE

    # crowd-kit 1.4 numbers workers and labels by first appearance in one place and sorted in another:
    # hand it numbers for which both orders agree
    worker, workers = pd.factorize(answers["worker"])
    label, labels = pd.factorize(answers["label"])
    # an integer would start every restart from the same point
    state = np.random.RandomState(seed)
    model = MACE(n_restarts=_MACE_RESTARTS, random_state=state).fit(
        answers.assign(worker=worker, label=label)
    )
    classes = model.probas_.sort_index(axis=1).set_axis(pd.Index(labels, dtype="str"), axis=1)
    # variational weights do not sum to 1
    spams, knows = (model.spamming_ / model.spamming_.sum(axis=1, keepdims=True)).T
    spam = model.thetas_ / model.thetas_.sum(axis=1, keepdims=True)
    right = knows + spams * (spam @ classes.mean().to_numpy())
    return _Fit(classes, pd.Series(right, index=workers))


_MODELS: dict[Method, Callable[[pd.DataFrame, int], _Fit]] = {
    "majority": _majority,
    "dawid_skene": _dawid_skene,
    "mace": _mace,
}
