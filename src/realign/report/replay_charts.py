"""Pictures of a replay, as inline SVG: readable in ten seconds, and in black and white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from realign.plotting import COLORS, svg

Rows = Mapping[str, Mapping[str, Any]]
_BASELINE = "random"


def label_errors(rows: Rows) -> str:
    """Label error of each strategy with its interval, the smallest on top; random is the dashed line."""
    known = _known(rows, "label_error")
    if not known:
        return ""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (name, value) in enumerate(reversed(known)):
            spread = [[value["value"] - value["low"]], [value["high"] - value["value"]]]
            sure = rows[name].get("p_holm", 1.0) < 0.05
            axes.errorbar(
                [value["value"]], [place], xerr=spread, fmt="o", capsize=4, color=COLORS[0],
                markerfacecolor=COLORS[0] if sure else "white",
            )  # fmt: skip
        axes.set_yticks(range(len(known)), [name for name, _ in reversed(known)])
        axes.set_ylim(-0.7, len(known) - 0.3)
        axes.set_xlim(left=0)
        _line(axes.axvline, rows, "label_error")
        axes.set_xlabel("label error (filled: differs from random after Holm's correction)")

    return svg(draw, "replay-errors", width=7.4, height=0.9 + 0.3 * len(known))


def frontier(rows: Rows) -> str:
    """Label error against length bias: down and left is better; random is where the dashed lines cross."""
    known = _known(rows, "label_error")
    if not known:
        return ""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        points = [(n, rows[n]["figures"]["abs_log_length_ratio"]["value"], v["value"]) for n, v in known]
        axes.plot([p[1] for p in points], [p[2] for p in points], "o", color=COLORS[0], markersize=5)
        height = max(p[2] for p in points) * 1.15 or 1.0
        axes.set_ylim(0, height)
        width = max(p[1] for p in points)
        axes.set_xlim(0, width * 1.25)
        for name, x, y, shift in _apart(points, height * 0.045, width * 0.4):
            axes.annotate(
                name, (x, y), (x + width * 0.015, y + shift), fontsize=8, va="center",
                arrowprops={"arrowstyle": "-", "linewidth": 0.4} if abs(shift) > height * 0.02 else None,
            )  # fmt: skip
        _line(axes.axhline, rows, "label_error")
        _line(axes.axvline, rows, "abs_log_length_ratio")
        axes.set_xlabel("mean |ln length ratio| of the picked pairs")
        axes.set_ylabel("label error")

    return svg(draw, "replay-frontier", width=7.4, height=4.6)


def error_by_similarity(bins: Sequence[Mapping[str, Any]]) -> str:
    """Label error of all candidate pairs by similarity, and what else changes with it."""
    known = [b for b in bins if b["label_error"]]
    if not known:
        return ""

    def draw(figure: Figure) -> None:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        middle = np.array([(b["low"] + b["high"]) / 2 for b in known])
        values = np.array([[b["label_error"][k] for k in ("value", "low", "high")] for b in known]).T
        spread = [values[0] - values[1], values[2] - values[0]]
        axes.errorbar(middle, values[0], yerr=spread, fmt="o-", capsize=3, color=COLORS[0])
        axes.set_ylabel("label error")
        axes.set_ylim(bottom=0)
        for number, (key, title) in enumerate(
            (("abs_log_length_ratio", "mean |ln length ratio|"), ("ties", "share of ties"))
        ):
            below.plot(
                middle, [b[key]["value"] if b[key] else np.nan for b in known],
                color=COLORS[number + 1], linestyle=("-", "--")[number], marker="s^"[number], markersize=4, label=title,
            )  # fmt: skip
        below.set_ylim(bottom=0)
        below.legend(fontsize=8)
        below.set_xlabel("cosine similarity of the two responses (bins of equal number)")

    return svg(draw, "replay-similarity", width=7.4, height=4.8)


def _apart(
    points: Sequence[tuple[str, float, float]], least: float, near: float
) -> list[tuple[str, float, float, float]]:
    """Names moved up where they would cover another's: (name, x, y, shift)."""
    placed: list[tuple[str, float, float, float]] = []
    for name, x, y in sorted(points, key=lambda p: (p[2], p[1])):
        at = y
        while any(abs(x - ox) < near and abs(at - (oy + shift)) < least for _, ox, oy, shift in placed):
            at += least / 4
        placed.append((name, x, y, at - y))
    return placed


def _known(rows: Rows, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = [(name, row["figures"][key]) for name, row in rows.items() if row["figures"][key]]
    return sorted(found, key=lambda item: (item[1]["value"], item[0]))


def _line(draw: Any, rows: Rows, key: str) -> None:
    baseline = rows[_BASELINE]["figures"][key]
    if baseline:
        draw(baseline["value"], color="#333333", linestyle="--", linewidth=1, zorder=0)
