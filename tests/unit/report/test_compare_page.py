"""The page of a comparison: whole, offline, the conclusion first, and hostile names harmless."""

import re
from functools import cache
from typing import Any

import pytest

from realign.experiments.compare.metrics import METRICS
from realign.report.compare_page import render

BUDGETS = (50, 100, 200)


def figure(value: float) -> dict[str, Any]:
    ends = {"low": value - 0.05, "high": value + 0.05}
    return {"value": value, **ends, "n": 90, "method": "t", "spread": 0.01, "seeds": [value, value + 0.01]}


def apart(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.04, "high": value + 0.04, "p": 0.01, "p_holm": 0.02}


def found(good: str = "easy") -> dict[str, Any]:
    """A comparison of random, a good strategy and a poor one, by hand."""
    names = ("random", good, "hard")
    level = dict(zip(names, (0.6, 0.7, 0.55), strict=True))
    row = {"labels": 100, "score": 0.62, "low": None, "high": 0.2}
    said = {
        good: {
            "conclusion": "better",
            "better_at": [100, 200],
            "worse_at": [],
            "sentence": f"{good} is better.",
        },
        "hard": {
            "conclusion": "not distinguishable",
            "better_at": [],
            "worse_at": [],
            "sentence": "hard is not.",
        },
    }
    saved = {
        good: [
            row | {"reached": "below", "needed": None, "saved": 0.5, "low": 0.4, "high": 1.0},
            row | {"labels": 200, "reached": "yes", "needed": 88.0, "saved": 0.56, "low": 0.31, "high": 0.7},
        ],
        "hard": [
            row | {"reached": "no", "needed": None, "saved": None},
            row
            | {"labels": 200, "reached": "yes", "needed": 390.0, "saved": -1.95, "low": None, "high": 0.1},
        ],
    }
    return {
        "confidence": 0.95, "resamples": 100, "seed": 1, "baseline": "random", "strategies": list(names),
        "budgets": list(BUDGETS), "seeds": [0, 1], "prompts": 90, "pairs": 90, "ece_by_chance": 0.04,
        "arms": [
            {"strategy": n, "budget": b, "figures": {m: figure(level[n] + b / 4000) for m in METRICS}}
            for n in names for b in BUDGETS
        ],
        "differences": [
            {"strategy": n, "budget": b, "figures": {m: apart(level[n] - 0.6) for m in METRICS}}
            for n in names[1:] for b in BUDGETS
        ],
        "saved": {"pair_accuracy": saved, "win_rate": saved},
        "conclusion": {
            "best": good, "at": 200, "equals": [], "strategies": said,
            "sentences": [f"{good} is best: with 200 labels so much.", "It saves labels."],
        },
    }  # fmt: skip


@cache
def page() -> str:
    return render(found())


def test_the_conclusion_comes_before_every_picture_and_table():
    assert 0 < page().index("easy is best: with 200 labels so much.") < page().index("<svg")
    assert page().index("<svg") < page().index("<table")
    cards = re.findall(r"<li[^>]*><b>(\w+)</b>", page())
    assert cards == ["easy", "hard"]


def test_it_needs_nothing_from_outside_and_runs_no_script():
    assert "<script" not in page() and "<link" not in page()
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page())
    assert "default-src 'none'" in page()


def test_the_same_figures_give_the_same_bytes_and_every_picture_has_its_own_name():
    assert render(found()) == page()
    names = re.findall(r'<svg[^>]* id="([^"]+)"', page())
    assert len(names) == 8  # score, one against the baseline each, saved, three of what was bought, win rate
    assert len(set(names)) == len(names)


def test_what_is_not_reached_is_said_and_not_drawn_as_zero():
    assert "more than 200" in page() and "at most 50" in page() and "at least 50 %" in page()
    assert "[open, 20]" in page()


def test_every_strategy_and_budget_has_a_row():
    rows = re.findall(r'<th scope="row">(\w+)</th><td>(\d+)</td>', page())
    for name in ("random", "easy", "hard"):
        for budget in BUDGETS:
            assert (name, str(budget)) in rows


def test_a_hostile_name_is_text():
    text = render(found("<img src=x>"))
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text


@pytest.mark.parametrize("name", ["label_error", "lc_win_rate", "pair_accuracy"])
def test_a_metric_that_nobody_knows_leaves_a_page(name: str):
    result = found()
    for row in (*result["arms"], *result["differences"]):
        row["figures"][name] = None
    if name == "pair_accuracy":
        result["saved"] = {"pair_accuracy": {}, "win_rate": {}}
        result["conclusion"] |= {"best": None, "at": None}
    assert "not known" in render(result)
