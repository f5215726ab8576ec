"""The page of a replay, and its charts."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from realign.plotting import COLORS, interval_rows, names_beside, svg
from realign.report import charts
from realign.report.page import render as page
from realign.store import schemas

Rows = Mapping[str, Mapping[str, Any]]
_BASELINE = "random"
_SHOWN = 7  # lines in the histogram: more cannot be told apart


def render(result: Mapping[str, Any]) -> str:
    """The whole page of `experiments.replay.run.run`'s result, as one HTML text without script."""
    rows = result["strategies"]
    order = sorted(
        rows, key=lambda name: ((rows[name]["figures"]["label_error"] or {"value": 1})["value"], name)
    )
    shown = [name for name in ("easy", "hard", "random") if name in rows]
    shown += [name for name in order if name not in shown][: _SHOWN - len(shown)]
    histogram = pd.DataFrame(result["histogram"], columns=schemas.HISTOGRAM.names)
    values = {
        "result": result,
        "order": order,
        "charts": {
            "errors": label_errors(rows),
            "frontier": frontier(rows),
            "by_similarity": charts.error_by_similarity(result["by_similarity"]),
            "histogram": charts.similarity(histogram[histogram["picks"].isin(["all", *shown])]),
        },
    }
    return page(values, "replay.html")


def label_errors(rows: Rows) -> str:
    """Label error of each strategy with its interval, the smallest on top; the dashed line is random."""
    known = _known(rows, "label_error")
    if not known:
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        unsure = [name for name in known if rows[name].get("p_holm", 1.0) >= 0.05]
        label = "label error (filled: differs from random after Holm's correction)"
        interval_rows(axes, known, label, hollow=unsure)
        _baseline(axes.axvline, rows, "label_error")

    return svg(plot, "replay-errors", width=7.4, height=0.9 + 0.3 * len(known))


def frontier(rows: Rows) -> str:
    """Label error against length bias: down and left is better; random is where the dashed lines cross."""
    known = _known(rows, "label_error")
    if not known:
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        points = [
            (name, rows[name]["figures"]["abs_log_length_ratio"]["value"], error["value"])
            for name, error in known.items()
        ]
        axes.plot([p[1] for p in points], [p[2] for p in points], "o", color=COLORS[0], markersize=5)
        axes.margins(0.08)
        _baseline(axes.axhline, rows, "label_error")
        _baseline(axes.axvline, rows, "abs_log_length_ratio")
        axes.set_xlabel("mean |ln length ratio| of the picked pairs")
        axes.set_ylabel("label error")
        names_beside(axes, points)

    return svg(plot, "replay-frontier", width=6.4, height=max(3.4, 0.8 + 0.2 * len(known)))


def _known(rows: Rows, key: str) -> dict[str, Mapping[str, Any]]:
    """The figures of the strategies for which it is known, the smallest first."""
    known = {name: row["figures"][key] for name, row in rows.items() if row["figures"][key]}
    return dict(sorted(known.items(), key=lambda item: (item[1]["value"], item[0])))


def _baseline(line: Any, rows: Rows, key: str) -> None:
    figure = rows[_BASELINE]["figures"][key]
    if figure:
        line(figure["value"], color="#333333", linestyle="--", linewidth=1, zorder=0)
