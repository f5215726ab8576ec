"""The figure of CONTRIBUTING.md is one function: it shows up in a run, in a comparison and in a replay."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from realign.evaluation import figures
from realign.evaluation.intervals import Resampling
from realign.evaluation.labels import error_by_similarity, strategies
from realign.experiments.compare import metrics
from realign.experiments.compare.runs import Grid
from realign.experiments.replay import labeling
from realign.report.page import columns

HOW = Resampling(100, 0.95, 7)
PICKS = pd.DataFrame(
    {
        "pair_id": list("1234"), "prompt_id": list("wxyz"), "strategy": "easy", "purpose": "train",
        "winner": ["a", "b", "a", "tie"], "gold": ["a", "a", "b", "a"], "similarity": [0.1, 0.2, 0.3, 0.4],
        "log_length_ratio": [0.1, -0.2, 0.3, 0.0],
    }
)  # fmt: skip


@pytest.fixture(autouse=True)
def dropped_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A figure that stands in the table while a test runs."""
    monkeypatch.setattr(figures, "FIGURES", dict(figures.FIGURES))

    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    example = re.search(r"## A figure: one function.*?```python\n(.*?)```", text, re.DOTALL)
    assert example
    exec(example[1], vars(figures))

    yield
    monkeypatch.undo()
    importlib.reload(metrics)


def test_in_a_run() -> None:
    pairs = PICKS[["pair_id", "similarity", "log_length_ratio"]]
    labels = PICKS.drop(columns=["similarity", "log_length_ratio"])
    assert strategies(labels, pairs, HOW)["easy"]["a_wins"]["value"] == round(2 / 3, 6)
    assert all("a_wins" in row for row in error_by_similarity(labels, pairs, HOW))
    (title,) = [of.title for name, of in columns(strategies(labels, pairs, HOW).values()) if name == "a_wins"]
    assert title == "a wins"


def test_in_a_comparison() -> None:
    arm = {"strategy": "easy", "budget": 4, "seed": 1}
    answers = pd.DataFrame(
        {"prompt_id": list("wxyz"), "win": [1.0, 0.0, 1.0, 0.5], "policy_tokens": [4.0, 5, 6, 7],
         "base_tokens": [5.0, 5, 5, 5], "kl": 0.1}
    ).assign(**arm)  # fmt: skip
    margins = pd.DataFrame({"prompt_id": list("wxyz"), "margin": [1.0, -1, 2, 3], "correct": [1.0, 0, 1, 1]})
    runs = importlib.reload(metrics).measure(
        answers, margins.assign(**arm), PICKS.assign(**arm), Grid(("easy",), (4,), (1,))
    )
    assert runs["a_wins"].value == pytest.approx(2 / 3)


def test_in_a_replay() -> None:
    rows = PICKS.assign(score_gap=np.array([1.0, 2.0, 3.0, 0.0]))
    assert labeling.terms(rows, ()).keys() >= {"a_wins", "label_error"}
