"""Charts of an equal-budget comparison: score by labels, labels saved, figures by strategy."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from realign.plotting import COLORS, LINES, MARKERS, interval_rows, names_beside, svg

Json = Mapping[str, Any]
_FLOOR = -1.0  # an interval that extends further is cut with an arrow


def scores(result: Json, metric: str, label: str) -> str:
    """A line a strategy, named at its end; the baseline's interval as a gray band."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        ends = []
        for number, name in enumerate(result["strategies"]):
            budgets, rows = _curve(result, name, metric)
            if not budgets:
                continue
            values = [row["value"] for row in rows]
            if number == 0:
                _band(axes, budgets, rows, "#d9d9d9")
            axes.plot(
                budgets, values, color=COLORS[number % 6], linestyle=LINES[number % 6], marker=MARKERS[number % 6],
                linewidth=2.2 if number == 0 else 1.6,
            )  # fmt: skip
            ends.append((name, budgets[-1], values[-1]))
        _budgets(axes, result["budgets"], label)
        names_beside(axes, ends)

    return svg(plot, f"scores-{metric}", width=5.6, height=3.4)


def against_baseline(result: Json, metric: str, label: str) -> list[tuple[str, str]]:
    """For each strategy its name, and a chart of its line and interval over the baseline's, all on one scale."""
    rows = [row["figures"][metric] for row in result["arms"] if row["figures"][metric]]
    if not rows:
        return []
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)

    def panel(name: str, number: int) -> str:
        def plot(figure: Figure) -> None:
            axes = figure.subplots()
            baseline = result["baseline"]
            for who, color, fill, line, marker in (
                (baseline, COLORS[0], "#d9d9d9", "-", "o"),
                (name, COLORS[number % 6], COLORS[number % 6], LINES[number % 6], MARKERS[number % 6]),
            ):
                budgets, figures = _curve(result, who, metric)
                if not budgets:
                    continue
                _band(axes, budgets, figures, fill, alpha=1.0 if who == baseline else 0.2)
                if who != baseline:
                    for end in ("low", "high"):
                        axes.plot(budgets, [f[end] for f in figures], color=color, linewidth=0.8)
                axes.plot(
                    budgets,
                    [f["value"] for f in figures],
                    color=color,
                    linestyle=line,
                    marker=marker,
                    label=who,
                )
            _budgets(axes, result["budgets"], label)
            axes.set_ylim(low - 0.02, high + 0.02)
            axes.legend(loc="lower right", fontsize=9)

        return svg(plot, f"{metric}-{number}", width=4.2, height=2.8)

    return [(name, panel(name, k)) for k, name in enumerate(result["strategies"][1:], start=1)]


def saved(result: Json, metric: str) -> str:
    """Labels saved at each of the baseline's budgets, a row a strategy and budget; empty without a curve."""
    rows = [(name, row) for name, part in result["saved"][metric].items() for row in part]
    if not rows:
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        places = _spaced([name for name, _ in rows])
        for place, (_, row) in zip(places, rows, strict=True):
            low = _FLOOR if row["low"] is None else max(_FLOOR, row["low"])
            high = max(_FLOOR, row["high"])
            axes.plot([100 * low, 100 * high], [place, place], color=COLORS[0], linewidth=1.6)
            if row["low"] is None or row["low"] < _FLOOR:
                axes.plot(100 * _FLOOR, place, marker="<", color=COLORS[0], clip_on=False)
            if row["saved"] is not None and row["saved"] >= _FLOOR:
                marker = {"yes": "o", "below": ">"}[row["reached"]]
                axes.plot(100 * row["saved"], place, marker=marker, color=COLORS[0], markersize=8)
        axes.axvline(0, color="#333333", linewidth=1)
        axes.set_xlim(100 * _FLOOR, 102)
        axes.set_xticks([-100, -50, 0, 50, 100], ["double", "+50 %", "as many", "50 % saved", "all"])
        axes.set_yticks(places, [f"{name}, at {row['labels']}" for name, row in rows])
        axes.set_ylim(min(places) - 0.6, max(places) + 0.6)
        axes.set_xlabel("labels needed for the baseline's score")

    return svg(plot, f"saved-{metric}", width=5.6, height=0.8 + 0.3 * len(rows))


def by_strategy(result: Json, metric: str, label: str) -> str:
    """A metric of each strategy at the largest budget with its interval; the dashed line is the baseline."""
    most = max(result["budgets"])
    rows = {
        row["strategy"]: row["figures"][metric]
        for row in result["arms"]
        if row["budget"] == most and row["figures"][metric]
    }
    if not rows:
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        interval_rows(axes, rows, label)
        if result["baseline"] in rows:
            axes.axvline(rows[result["baseline"]]["value"], color="#888888", linestyle="--", linewidth=1)
        if metric == "longer_wins":
            axes.set_xlim(0, 1)
        if metric != "abs_log_length_ratio":
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))

    return svg(plot, metric, width=4.2, height=0.8 + 0.34 * len(rows))


def _curve(result: Json, name: str, metric: str) -> tuple[list[int], list[Json]]:
    rows = [row for row in result["arms"] if row["strategy"] == name and row["figures"][metric]]
    return [row["budget"] for row in rows], [row["figures"][metric] for row in rows]


def _band(axes: Axes, budgets: list[int], rows: Sequence[Json], color: str, alpha: float = 1.0) -> None:
    low, high = [row["low"] for row in rows], [row["high"] for row in rows]
    if len(budgets) == 1:  # an area of no width would not be seen
        axes.vlines(budgets, low, high, color=color, alpha=alpha, linewidth=14)
    else:
        axes.fill_between(budgets, low, high, color=color, alpha=alpha, linewidth=0)


def _budgets(axes: Axes, budgets: Sequence[int], label: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(budgets)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(budget) for budget in budgets])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("labels bought")
    axes.set_ylabel(label)


def _spaced(names: list[str]) -> list[float]:
    """Places from the top down, with a gap where the name changes."""
    places, at = [], 0.0
    for before, name in zip([None, *names], names, strict=False):
        at -= 1.0 if before in (None, name) else 1.6
        places.append(at)
    return places
