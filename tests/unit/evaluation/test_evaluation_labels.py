"""What the labels say of each strategy, worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from realign.evaluation.intervals import Resampling
from realign.evaluation.labels import strategies

HOW = Resampling(200, 0.95, 7)
# strategy, purpose, pair, winner, gold, gold gap, ln(a/b), similarity; each pair is of a prompt of its own
ROWS = [
    ("easy", "train", "1", "a", "a", 0.5, 0.2, 0.1),
    ("easy", "train", "2", "a", "b", 0.1, -0.2, 0.2),
    ("easy", "train", "3", "b", "b", 0.3, -0.4, 0.3),
    ("easy", "train", "4", "tie", "a", 0.2, 0.0, 0.4),
    ("easy", "train", "5", "b", "tie", 0.0, 0.0, 0.5),
    ("hard", "audit", "1", "a", "a", 0.5, 0.2, 0.1),
    ("hard", "audit", "6", "b", "a", 0.7, 0.6, 0.9),
    ("random", "holdout", "7", "b", "a", 9.0, 9.0, 0.0),
]


@pytest.fixture
def found():
    table = pd.DataFrame(
        ROWS,
        columns=[
            "strategy",
            "purpose",
            "pair_id",
            "winner",
            "gold",
            "gold_gap",
            "log_length_ratio",
            "similarity",
        ],
    )
    table = table.assign(prompt_id="of " + table["pair_id"])
    pairs = table[["pair_id", "similarity", "log_length_ratio"]]
    return strategies(table.drop(columns=["similarity", "log_length_ratio"]), pairs, HOW)


def test_label_error_leaves_out_what_either_calls_a_tie(found):
    assert found["easy"]["label_error"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["easy"]["label_error"]["n"] == 3
    assert found["hard"]["label_error"]["value"] == 0.5


def test_ties_are_the_labelers_own(found):
    assert found["easy"]["ties"]["value"] == 0.2
    assert found["hard"]["ties"] == {
        "value": 0.0,
        "low": 0.0,
        "high": 0.841886,
        "n": 2,
        "method": "exact binomial",
    }


def test_the_longer_one_wins_as_counted_among_the_decided(found):
    # 1: a wins, a longer; 2: a wins, b longer; 3: b wins, b longer; 5: b wins, equally long
    assert found["easy"]["longer_wins"]["value"] == pytest.approx((1 + 0 + 1 + 0.5) / 4)
    assert found["hard"]["longer_wins"]["value"] == pytest.approx((1 + 0) / 2)


def test_the_other_figures_are_plain_means(found):
    easy = found["easy"]
    assert easy["abs_log_length_ratio"]["value"] == pytest.approx(0.16)
    assert easy["similarity"]["value"] == pytest.approx(0.3)
    assert easy["gold_gap"]["value"] == pytest.approx(0.22)
    assert easy["similarity"]["n"] == 5


def test_held_out_pairs_speak_of_no_strategy(found):
    assert sorted(found) == ["easy", "hard"]


def test_without_gold_the_label_error_is_not_known():
    table = pd.DataFrame(
        {"strategy": "easy", "purpose": "train", "pair_id": ["1", "2"], "prompt_id": ["x", "y"],
         "winner": ["a", "b"], "gold": [None, None], "gold_gap": [np.nan, np.nan]}
    )  # fmt: skip
    pairs = pd.DataFrame({"pair_id": ["1", "2"], "similarity": [0.1, 0.2], "log_length_ratio": [0.1, 0.2]})
    found = strategies(table, pairs, HOW)["easy"]
    assert found["label_error"] is None
    assert found["gold_gap"] is None
    assert found["ties"]["value"] == 0.0


def test_pairs_of_one_prompt_are_drawn_together():
    table = pd.DataFrame(
        {"strategy": "easy", "purpose": "train", "pair_id": [f"{n:02}" for n in range(40)],
         "prompt_id": np.repeat([f"{n:02}" for n in range(10)], 4), "gold": "a", "gold_gap": 1.0,
         "winner": np.repeat(["a", "a", "a", "b", "a", "b", "a", "a", "a", "a"], 4)}
    )  # fmt: skip
    pairs = table[["pair_id"]].assign(similarity=np.linspace(0, 1, 40), log_length_ratio=0.1)
    error = strategies(table, pairs, HOW)["easy"]["label_error"]
    alone = strategies(table.assign(prompt_id=table["pair_id"]), pairs, HOW)["easy"]["label_error"]
    assert (error["value"], error["n"]) == (0.2, 10)
    assert (alone["value"], alone["n"]) == (0.2, 40)
    assert error["high"] - error["low"] > 1.5 * (alone["high"] - alone["low"])
