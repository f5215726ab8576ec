"""What a run's labels show: of each strategy, and of pairs that are more or less alike."""

import pandas as pd

from realign.evaluation import figures
from realign.evaluation.figures import Json
from realign.evaluation.intervals import Resampling

_SIMILARITY_BINS = 8


def picked(labels: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The labels of picked pairs of train prompts, with similarity and log_length_ratio.

    Args:
        labels: the labels table; held-out pairs are left out.
        pairs: picked pairs: pair_id, similarity, log_length_ratio.
    """
    columns = ["pair_id", "similarity", "log_length_ratio"]
    return labels[labels["purpose"] != "holdout"].merge(
        pairs[columns].drop_duplicates("pair_id"), on="pair_id"
    )


def strategies(labels: pd.DataFrame, pairs: pd.DataFrame, how: Resampling) -> Json:
    """Per strategy the figures of the pairs that it picked; arguments as for `picked`."""
    rows = picked(labels, pairs).groupby("strategy")
    return {str(name): figures.with_intervals(part, how) for name, part in rows}


def error_by_similarity(labels: pd.DataFrame, pairs: pd.DataFrame, how: Resampling) -> list[Json]:
    """figures.by_similarity of each distinct pair, whichever strategy picked it; arguments as for `picked`."""
    rows = picked(labels, pairs).drop_duplicates("pair_id")
    prompts, similarity = rows["prompt_id"].to_numpy(), rows["similarity"].to_numpy()
    return figures.by_similarity(figures.terms(rows), similarity, prompts, _SIMILARITY_BINS, how)
