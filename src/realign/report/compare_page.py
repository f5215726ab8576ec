"""The page of `realign compare`: the conclusion, then charts, each with the table behind it."""

from collections.abc import Mapping
from typing import Any

from realign.experiments.compare.conclusion import headline
from realign.experiments.compare.metrics import BOUGHT, LEARNED, METRICS, PRIMARY, SECONDARY
from realign.report import compare_charts
from realign.report.page import render as render_page


def render(result: Mapping[str, Any], title: str = "Which pairs are worth a label") -> str:
    """The whole page as one HTML text.

    Args:
        result: of realign.experiments.compare.compare.
        title: of the page.
    """
    primary = METRICS[PRIMARY].title
    charts = {
        "scores": compare_charts.scores(result, PRIMARY, primary),
        "panels": compare_charts.against_baseline(result, PRIMARY, primary),
        "win_rate": compare_charts.scores(result, SECONDARY, METRICS[SECONDARY].title),
        "saved": compare_charts.saved(result, PRIMARY),
        "bought": [
            compare_charts.by_strategy(result, name, METRICS[name].title)
            for name in ("label_error", "abs_log_length_ratio", "longer_wins")
        ],
    }
    values = {
        "title": title,
        "result": result,
        "arms": {(row["strategy"], row["budget"]): row["figures"] for row in result["arms"]},
        "differences": {(row["strategy"], row["budget"]): row["figures"] for row in result["differences"]},
        "charts": charts,
        "cards": _cards(result),
        "metrics": METRICS,
        "learned": list(LEARNED),
        "bought": list(BOUGHT),
        "primary": PRIMARY,
        "secondary": SECONDARY,
        "most": max(result["budgets"]),
    }
    return render_page(values, "compare.html")


def _cards(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each strategy but the baseline: its conclusion, score and labels saved, the best first."""
    rows = []
    for name in result["strategies"][1:]:
        conclusion = result["conclusion"]["strategies"][name]
        at = max(conclusion["better_at"] or conclusion["worse_at"] or result["budgets"])
        figures = next(
            r["figures"] for r in result["differences"] if (r["strategy"], r["budget"]) == (name, at)
        )
        rows.append(
            {
                "name": name,
                "conclusion": conclusion["conclusion"],
                "best": name == result["conclusion"]["best"],
                "at": at,
                "score": figures[PRIMARY],
                "saved": headline(result["saved"][PRIMARY].get(name, [])),
            }
        )
    words = ["better", "better and worse", "not distinguishable", "worse"]
    return sorted(rows, key=lambda row: (not row["best"], words.index(str(row["conclusion"])), row["name"]))
