"""What the labels say: of each strategy, and of pairs that are more or less alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from realign.evaluation.intervals import Figure, Resampling, mean, rate

_SIMILARITY_BINS = 8


def strategies(labels: pd.DataFrame, pairs: pd.DataFrame, how: Resampling) -> dict[str, Any]:
    """Per strategy, over the pairs that it picked of train prompts, with intervals over prompts:

    - label_error: share of pairs whose label is the opposite of the gold verdict, among pairs that
      neither calls a tie; null where there is no gold;
    - ties: share of pairs that the labeler calls a tie;
    - longer_wins: share of decided pairs whose winner is the longer one (0.5 where equally long);
    - abs_log_length_ratio: mean |ln(tokens a / tokens b)|;
    - similarity: mean cosine;
    - gold_gap: mean quality gap by gold, ties included.
    """
    picked = labels[labels["purpose"] != "holdout"].merge(
        pairs[["pair_id", "similarity", "log_length_ratio"]].drop_duplicates("pair_id"),
        on="pair_id",
    )
    found = {}
    for name, part in picked.groupby("strategy"):
        decided = part[part["winner"].isin(["a", "b"])]
        toward = np.where(decided["winner"] == "a", 1, -1) * np.sign(decided["log_length_ratio"])
        gaps = part.dropna(subset="gold_gap")
        found[str(name)] = _plain({
            "label_error": _label_error(part, how),
            "ties": rate(_of(part["winner"] == "tie"), how, _prompts(part)),
            "longer_wins": rate(_of((toward + 1) / 2), how, _prompts(decided)),
            "abs_log_length_ratio": mean(_of(part["log_length_ratio"].abs()), how, _prompts(part)),
            "similarity": mean(_of(part["similarity"]), how, _prompts(part)),
            "gold_gap": mean(_of(gaps["gold_gap"]), how, _prompts(gaps)),
        })  # fmt: skip
    return found


def error_by_similarity(labels: pd.DataFrame, pairs: pd.DataFrame, how: Resampling) -> list[dict[str, Any]]:
    """REAL's claim on this data: label error of labeled train pairs in bins of equal number, least alike first.

    A row a bin: low, high (cosines), pairs, and figures label_error, ties, abs_log_length_ratio. Empty
    where there is no gold verdict. Every distinct pair counts once, whichever strategy picked it.
    """
    rows = labels[labels["purpose"] != "holdout"].drop_duplicates("pair_id")
    columns = ["pair_id", "similarity", "log_length_ratio"]
    rows = rows.merge(pairs[columns].drop_duplicates("pair_id"), on="pair_id")
    if not rows["gold"].isin(["a", "b"]).any():
        return []
    edges = np.unique(np.quantile(rows["similarity"], np.linspace(0, 1, _SIMILARITY_BINS + 1)))
    place = np.clip(np.searchsorted(edges, rows["similarity"], side="right") - 1, 0, max(0, len(edges) - 2))
    found = []
    for number in np.unique(place):
        part = rows[place == number]
        figures = {
            "label_error": _label_error(part, how),
            "ties": rate(_of(part["winner"] == "tie"), how, _prompts(part)),
            "abs_log_length_ratio": mean(_of(part["log_length_ratio"].abs()), how, _prompts(part)),
        }
        ends = {
            "low": round(float(edges[number]), 5),
            "high": round(float(edges[min(number + 1, len(edges) - 1)]), 5),
        }
        found.append(ends | {"pairs": len(part)} | _plain(figures))
    return found


def _label_error(rows: pd.DataFrame, how: Resampling) -> Figure | None:
    known = rows[rows["winner"].isin(["a", "b"]) & rows["gold"].isin(["a", "b"])]
    return rate(_of(known["winner"] != known["gold"]), how, _prompts(known))


def _of(values: pd.Series[Any] | np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=float)


def _prompts(rows: pd.DataFrame) -> np.ndarray:
    """What is resampled: pairs of one prompt go together."""
    return rows["prompt_id"].to_numpy()


def _plain(figures: dict[str, Figure | None]) -> dict[str, Any]:
    return {name: figure.as_json() if figure else None for name, figure in figures.items()}
