"""Charts that can be read: names apart, axes about the data, an interval for one budget, a phone's width."""

import re
from itertools import pairwise

import pytest

from realign.report import compare_charts, replay_page


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def rows(points: dict[str, tuple[float, float]]):
    """Replayed strategies by name: (|ln length ratio|, label error)."""
    return {
        name: {"figures": {"label_error": interval(y), "abs_log_length_ratio": interval(x)}}
        for name, (x, y) in points.items()
    }


def places(svg: str, names) -> dict[str, float]:
    """The height at which each name stands, in points."""
    found = {}
    for y, text in re.findall(r'<text[^>]*? y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        if text in names:
            found[text] = float(y)
    return found


@pytest.mark.parametrize("count", [2, 9, 18])
def test_names_of_strategies_alike_do_not_overlap(count):
    points = {f"strategy_{n}": (0.5 + n / 1e4, 0.3 + n / 1e4) for n in range(count)} | {
        "random": (0.52, 0.31)
    }
    at = places(replay_page.frontier(rows(points)), points)
    assert at.keys() == points.keys()
    assert min(b - a for a, b in pairwise(sorted(at.values()))) > 9


def test_the_scatter_is_drawn_about_its_points():
    svg = replay_page.frontier(rows({"random": (0.52, 0.31), "easy": (0.50, 0.30), "hard": (0.53, 0.32)}))
    ticks = [float(text) for text in re.findall(r">(\d\.\d+)</text>", svg)]
    assert ticks
    assert min(ticks) > 0.2


def test_the_baselines_interval_is_drawn_with_a_single_budget_too():
    budgets = [100]

    def drawn(low):
        figures = {
            "random": {"value": 0.6, "low": low, "high": 0.65},
            "easy": interval(0.1),
            "hard": interval(0.9),
        }
        arms = [
            {"strategy": name, "budget": budget, "figures": {"pair_accuracy": figure}}
            for name, figure in figures.items()
            for budget in budgets
        ]
        result = {"strategies": list(figures), "baseline": "random", "budgets": budgets, "arms": arms}
        return re.findall(r'd="([^"]*)"[^>]*#d9d9d9', compare_charts.scores(result, "pair_accuracy", ""))

    assert drawn(0.5) != drawn(0.55)
