"""Candidate pairs labeled by the data's annotators, as the labelers `scores` and `oracle` label a run's pairs."""

import numpy as np
import pandas as pd

from realign.evaluation import figures
from realign.evaluation.figures import Terms
from realign.experiments.replay.data import Scored
from realign.labelers.base import by_gap, p_by_gap, score_gap
from realign.selection.candidates import Candidates

ERROR = "label_error"


def criteria(data: Scored, temperatures: tuple[float, ...]) -> tuple[str, ...]:
    """What a wrong label is, the main criterion first.

    With a second annotator: a disagreement on a pair that neither ties. Without: the expected error of a simulated
    Bradley-Terry annotator, on pairs that are no tie, at each temperature in units of the scale.
    """
    if data.second is not None:
        return ("disagreement",)
    return tuple(f"temperature {temperature:g}" for temperature in temperatures)


def labels(pool: Candidates, data: Scored) -> pd.DataFrame:
    """Every candidate pair with its label: a row a pair, in the pool's order.

    Columns response_a and response_b (the pair's first and second response), winner, score_gap (in units of the
    scale, not negative), similarity, log_length_ratio, and gold with a second annotator.
    """
    rows = pd.DataFrame(
        {
            "response_a": pool.responses[pool.first],
            "response_b": pool.responses[pool.second],
            "similarity": pool.similarity,
            "log_length_ratio": pool.log_length_ratio,
        }
    )
    rows["winner"] = by_gap(_gap(rows, data.score), 0.0)
    rows["score_gap"] = np.abs(_gap(rows, data.quality))
    if data.second is not None:
        rows["gold"] = by_gap(_gap(rows, data.second), 0.0)
    return rows


def terms(rows: pd.DataFrame, temperatures: tuple[float, ...]) -> dict[str, Terms]:
    """The figures of `labels`: ERROR by the main criterion, and the expected error at each further temperature."""
    if "gold" in rows:
        return figures.terms(rows)
    main, *more = temperatures
    expected = {
        t: figures.terms(rows.assign(p_winner=p_by_gap(rows["score_gap"].to_numpy(), t)))
        for t in temperatures
    }
    main_terms = dict(expected[main])
    main_terms[ERROR] = main_terms.pop("expected_error")
    return main_terms | {f"temperature {t:g}": expected[t]["expected_error"] for t in more}


def _gap(rows: pd.DataFrame, scores: pd.Series) -> np.ndarray:
    table = pd.DataFrame({"response_id": scores.index, "score": scores.to_numpy(), "annotator": ""})
    return score_gap(rows, table, "")
