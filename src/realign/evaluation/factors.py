"""Which measurable properties tell winners from losers: what a label really rewards.

After PROFILE (Oh et al. 2024, Uncovering Factor Level Preferences), in a form of our own: per property f,
tau(f) = (concordant - discordant) / all decided pairs. 1: the winner always has more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from realign.data.text import words
from realign.data.text_features import TEXT_FEATURES
from realign.evaluation.figures import as_json
from realign.evaluation.intervals import Resampling, mean
from realign.store import ids
from realign.store.labels import SIDES


def _overlap(text: str, prompt: str) -> float:
    known = set(words(prompt))
    return len(known & set(words(text))) / len(known) if known else 0.0


def _alone(count: Callable[[str], float]) -> Callable[[str, str], float]:
    return lambda text, _: count(text)


FACTORS: Mapping[str, Callable[[str, str], float]] = {
    "words": lambda text, _: len(words(text)),
    **{name: _alone(count) for name, count in TEXT_FEATURES.items()},
    "words of the prompt": _overlap,
}
"""A number for (response, last user turn); more of it is larger."""


def audit(
    labels: pd.DataFrame, pairs: pd.DataFrame, responses: pd.DataFrame, prompts: pd.DataFrame, how: Resampling
) -> dict[str, Any]:
    """tau of every factor with its interval over prompts, by strategy, by labeler and by the gold label.

    Args:
        labels: the labels table; held-out pairs are left out.
        pairs: picked pairs: pair_id, response_a, response_b.
        responses: the responses table.
        prompts: the prompts table.
        how: of the intervals.
    """
    sides = pairs[["pair_id", "response_a", "response_b"]].drop_duplicates("pair_id")
    rows = labels[labels["purpose"] != "holdout"].merge(sides, on="pair_id")
    texts = responses.set_index("response_id")["text"]
    questions = prompts.set_index("prompt_id")["messages"].map(lambda m: ids.load_messages(m)[-1]["content"])
    more = pd.DataFrame(
        {
            name: np.sign(
                _values(rows, "response_a", texts, questions, f)
                - _values(rows, "response_b", texts, questions, f)
            )
            for name, f in FACTORS.items()
        },
        index=rows.index,
    )
    once = rows.drop_duplicates("pair_id")
    groups = {
        "strategy": {str(name): part for name, part in rows.groupby("strategy")},
        "labeler": {str(name): part for name, part in once.groupby("labeler")},
    }
    if once["gold"].isin(SIDES).any():
        groups["labeler"]["the gold label"] = once.assign(winner=once["gold"])
    return {
        kind: {name: _taus(part, more.loc[part.index], how) for name, part in parts.items()}
        for kind, parts in groups.items()
    }


def _values(
    rows: pd.DataFrame,
    side: str,
    texts: pd.Series[str],
    questions: pd.Series[str],
    factor: Callable[[str, str], float],
) -> np.ndarray:
    pairs = zip(texts.loc[rows[side]], questions.loc[rows["prompt_id"]], strict=True)
    return np.array([factor(text, prompt) for text, prompt in pairs], dtype=float)


def _taus(rows: pd.DataFrame, more: pd.DataFrame, how: Resampling) -> dict[str, Any]:
    decided = rows["winner"].isin(SIDES).to_numpy()
    toward = np.where(rows["winner"] == "a", 1.0, -1.0)[decided]
    units = rows["prompt_id"].to_numpy()[decided]
    taus = {name: mean(more[name].to_numpy()[decided] * toward, how, units) for name in more.columns}
    return as_json(taus)
