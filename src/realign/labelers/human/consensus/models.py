"""Consensus by crowd-kit: one answer a pair, as a probability, and each annotator's reliability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from realign.labelers.human.consensus.votes import P_A, first

Method = Literal["majority", "dawid_skene", "mace"]

_DECIMALS = 6
_MACE_RESTARTS = 3


@dataclass(frozen=True)
class _Fit:
    """What a model makes of the votes.

    Attributes:
        classes: P(class), a row a pair, a column each class that was voted for.
        reliability: by annotator.
    """

    classes: pd.DataFrame
    reliability: pd.Series[float]


def aggregate(votes: pd.DataFrame, method: Method, seed: int = 0) -> pd.DataFrame:
    """The consensus on every pair with a vote: pair_id, winner (a, b, tie, both_bad), p_a, votes.

    p_a = P(a) + P(tie) / 2 + P(both_bad) / 2, so it is a probability that training can use. Where two
    classes are equally probable nobody flips a coin: the winner is 'tie' and p_a is 0.5. Votes of
    occasions after 0 do not enter, abstentions are no votes.

    Args:
        votes: rows of the verdicts table.
        method: `majority`; `dawid_skene` (a confusion matrix an annotator, EM; Dawid and Skene 1979);
            `mace` (each knows the answer or spams; Hovy et al. 2013).
        seed: of MACE's restarts.
    """
    said = first(votes)
    if said.empty:
        types = {"pair_id": "str", "winner": "str", "p_a": "float64", "votes": "int64"}
        return pd.DataFrame(columns=list(types)).astype(types)
    classes = _fit(said, method, seed).classes
    # two classes that differ by less than EM's own precision are equally probable
    level = classes.ge(classes.max(axis=1) - 10**-_DECIMALS, axis=0).sum(axis=1) > 1
    p_a = classes @ pd.Series(P_A)[classes.columns]
    return pd.DataFrame(
        {
            "pair_id": classes.index,
            "winner": classes.idxmax(axis=1).mask(level, "tie").to_numpy(),
            "p_a": p_a.mask(level, 0.5).round(_DECIMALS).to_numpy(),
            "votes": said.groupby("pair_id").size().reindex(classes.index).to_numpy(),
        }
    )


def reliability(votes: pd.DataFrame, method: Method, seed: int = 0) -> pd.DataFrame:
    """How often each annotator is right, as the model estimates it: annotator, reliability.

    - majority: share of their votes that equal the consensus; their own vote is part of it, so it is
      too high where few vote and too low for somebody who is better than the rest;
    - dawid_skene: sum over classes of P(class) P(they say class | class): the expected diagonal of
      their confusion matrix;
    - mace: P(they know) + P(they spam) P(the spam happens to be right).

    With three annotators and answers that are never a tie, the votes themselves leave a standard
    error of about 0.05 on 1,500 pairs, whatever the model; ties among the answers, more annotators or
    more pairs make it smaller.
    """
    said = first(votes)
    if said.empty:
        return pd.DataFrame({"annotator": pd.Series(dtype="str"), "reliability": pd.Series(dtype="float64")})
    found = _fit(said, method, seed).reliability.sort_index().round(_DECIMALS)
    return pd.DataFrame({"annotator": found.index, "reliability": found.to_numpy()})


def _fit(said: pd.DataFrame, method: Method, seed: int) -> _Fit:
    names = {"pair_id": "task", "annotator": "worker", "winner": "label"}
    answers = said[list(names)].rename(columns=names)
    found = _MODELS[method](answers, seed)
    return _Fit(found.classes.sort_index(), found.reliability)


def _majority(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import MajorityVote

    model = MajorityVote().fit(answers)
    return _Fit(model.probas_, model.skills_)


def _dawid_skene(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import DawidSkene

    model = DawidSkene().fit(answers)
    right = {
        (worker, said): row[said] * model.priors_[said] for (worker, said), row in model.errors_.iterrows()
    }
    return _Fit(model.probas_, pd.Series(right).groupby(level=0).sum())


def _mace(answers: pd.DataFrame, seed: int) -> _Fit:
    from crowdkit.aggregation import MACE

    # crowd-kit 1.4 numbers workers and labels by first appearance in one place and sorted in another;
    # numbers by first appearance are both
    worker, workers = pd.factorize(answers["worker"])
    label, labels = pd.factorize(answers["label"])
    # an integer would begin every restart at the same point
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
