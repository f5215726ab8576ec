"""How good a labeler is, by pairs whose answer is known: accuracy, consistency, biases, calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from realign.evaluation.calibration import calibration
from realign.evaluation.figures import as_json, decided, terms
from realign.evaluation.intervals import Figure, Resampling, mean, proportion, rate
from realign.store.labels import OUTCOMES, SIDES


def figures(
    *,
    winner: np.ndarray,
    p_a: np.ndarray,
    answer: np.ndarray,
    length_a: np.ndarray,
    length_b: np.ndarray,
    pair_ids: Sequence[str],
    how: Resampling,
    first_ab: np.ndarray | None = None,
    first_ba: np.ndarray | None = None,
) -> dict[str, Any]:
    """All figures of one labeler, plain JSON content; null where nothing can be said.

    - coverage: share of the pairs with a better side on which the labeler names one;
    - accuracy: share of these in which it is the right one;
    - accuracy_ties_half: the same, with a tie or both_bad of the labeler counted as half right;
    - ties: share of all pairs that it calls a tie or both bad;
    - ties_found: share of the known ties that it calls so;
    - unanswered: share of all pairs on which it says nothing that can be read;
    - consistency, position_bias: see there; null where it has no order or its orders are not given;
    - length: see `length_bias`;
    - calibration: see realign.evaluation.calibration.

    Args:
        winner: a, b, tie, both_bad; anything else is no answer. Shape (n,).
        p_a: its probability that a is better. Shape (n,).
        answer: a, b or tie. Shape (n,).
        length_a: of response a, in words or tokens. Shape (n,).
        length_b: of response b. Shape (n,).
        pair_ids: for the halves of the calibration. Length n.
        how: of the intervals.
        first_ab: its label with a shown first, '' or None where there is none. Shape (n,).
        first_ba: its label with b shown first. Shape (n,).
    """
    how = Resampling(how.resamples, how.confidence, how.seed, "pairs")
    table = terms(pd.DataFrame({"winner": winner, "gold": answer}))
    known, named, tied = decided(answer), decided(winner), table["ties"].above > 0
    judged = table["label_error"].below > 0
    right = judged & (table["label_error"].above == 0)
    p_named = np.where(winner == "a", p_a, 1 - p_a)
    orders = None if first_ab is None or first_ba is None else (first_ab, first_ba)
    shares: dict[str, Figure | None] = {
        "coverage": _share(named[known], how),
        "accuracy": _share(right[judged], how),
        "accuracy_ties_half": rate(np.where(tied, 0.5, right)[known & (named | tied)], how),
        "ties": _share(tied, how),
        "ties_found": _share(tied[~known], how),
        "unanswered": _share(~(named | tied), how),
        "consistency": orders and consistency(*orders, how),
        "position_bias": orders and position_bias(*orders, how),
    }
    lengths = length_bias(winner[judged], answer[judged], length_a[judged], length_b[judged], how)
    ids = [str(pair) for pair in np.asarray(pair_ids, dtype=object)[judged]]
    return {
        "pairs": len(winner),
        **as_json(shares),
        "length": as_json(lengths),
        "calibration": calibration(p_named[judged], right[judged], ids, how.confidence),
    }


def consistency(first_ab: np.ndarray, first_ba: np.ndarray, how: Resampling) -> Figure | None:
    """Share of pairs that get the same label in both orders, among those with a label in both."""
    both = np.isin(first_ab, OUTCOMES) & np.isin(first_ba, OUTCOMES)
    return _share((first_ab == first_ba)[both], how)


def position_bias(first_ab: np.ndarray, first_ba: np.ndarray, how: Resampling) -> Figure | None:
    """Share of labels for one side that name the response shown first; 0.5 is no bias.

    The two orders of a pair are not independent, so a pair is one value, the mean of its labels.
    """
    sides = np.array([np.isin(first_ab, SIDES), np.isin(first_ba, SIDES)])
    named = np.array([first_ab == "a", first_ba == "b"]) & sides
    some = sides.any(axis=0)
    return rate(named.sum(axis=0)[some] / sides.sum(axis=0)[some], how)


def length_bias(
    winner: np.ndarray, answer: np.ndarray, length_a: np.ndarray, length_b: np.ndarray, how: Resampling
) -> dict[str, Figure | None]:
    """Whether the labeler favors the longer response more than the answers do.

    On pairs of unequal length with a better side and a named side: `longer_named` and `longer_right`,
    the shares in which the named and the right side are the longer one, and `bias`, the first less the
    second, by pair. Answers may favour the longer one with good reason; only the difference is a bias.
    """
    unequal = length_a != length_b
    longer = np.where(length_a > length_b, "a", "b")[unequal]
    named, right = winner[unequal] == longer, answer[unequal] == longer
    return {
        "longer_named": _share(named, how),
        "longer_right": _share(right, how),
        "bias": mean(named.astype(float) - right, how),
    }


def _share(hits: np.ndarray, how: Resampling) -> Figure | None:
    return proportion(int(hits.sum()), len(hits), how.confidence)
