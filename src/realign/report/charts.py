"""Charts of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from realign.plotting import COLORS, LINES, MARKERS, interval_rows, spread, svg


def similarity(histogram: pd.DataFrame) -> str:
    """Similarity of all candidate pairs in gray, of each strategy's picks as a line; shares, not counts."""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, part) in enumerate(_parts(histogram, "picks", first="all")):
            share = part["pairs"].to_numpy() / max(1, part["pairs"].sum())
            if name == "all":
                axes.stairs(share, _edges(part), fill=True, color="#d0d0d0", label="all candidate pairs")
            else:
                _steps(axes, part, share, number, name)
        axes.set_xlabel("cosine similarity of the two responses")
        axes.set_ylabel("share of pairs")
        axes.legend()

    return svg(plot, "similarity")


def training(curve: pd.DataFrame) -> str:
    """Loss, reward margin and reward accuracy by step."""

    def plot(figure: Figure) -> None:
        panels = {
            "loss": "loss",
            "reward_margin": "reward margin (β included)",
            "reward_accuracy": "reward accuracy",
        }
        for axes, (column, title) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            axes.plot(curve["step"], curve[column], color=COLORS[0], linewidth=1.5)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("step")

    return svg(plot, "training", width=9.0, height=2.8)


def lengths(frame: pd.DataFrame) -> str:
    """Lengths of chosen and rejected responses, a panel a strategy."""

    def plot(figure: Figure) -> None:
        parts = _parts(frame, "strategy")
        panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
        for axes, (name, part) in zip(panels, parts, strict=True):
            for number, side in enumerate(("chosen", "rejected")):
                rows = part[part["side"] == side]
                _steps(axes, rows, rows["responses"].to_numpy(), number, side)
            axes.set_title(name, fontsize=10)
            axes.set_xlabel("tokens")
        figure.axes[0].legend()

    return svg(plot, "lengths", width=9.0, height=2.8)


def label_error(strategies: Mapping[str, Any]) -> str:
    """Label error of each strategy with its interval; empty where it is unknown."""
    known = {name: row["label_error"] for name, row in strategies.items() if row["label_error"]}
    if not known:
        return ""
    return svg(
        lambda figure: interval_rows(figure.subplots(), known, "label error"),
        "label-error",
        height=0.6 + 0.45 * len(known),
    )


def error_by_similarity(bins: Sequence[Mapping[str, Any]]) -> str:
    """Label error of pairs by their similarity, and what else changes with it; empty where it is unknown."""
    known = [b for b in bins if b["label_error"]]
    if not known:
        return ""

    def plot(figure: Figure) -> None:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        middle = np.array([(b["low"] + b["high"]) / 2 for b in known])
        values, distances = spread([b["label_error"] for b in known])
        axes.errorbar(middle, values, yerr=distances, fmt="o-", capsize=3, color=COLORS[0])
        axes.set_ylabel("label error")
        axes.set_ylim(bottom=0)
        others = {"abs_log_length_ratio": "mean |ln length ratio|", "ties": "share of ties"}
        for number, (key, title) in enumerate(others.items(), start=1):
            below.plot(
                middle, [b[key]["value"] if b[key] else np.nan for b in known], color=COLORS[number],
                linestyle=LINES[number - 1], marker=MARKERS[number], markersize=4, label=title,
            )  # fmt: skip
        below.set_ylim(bottom=0)
        below.legend(fontsize=8)
        below.set_xlabel("cosine similarity of the two responses (bins of equal size)")

    return svg(plot, "error-by-similarity", width=7.4, height=4.8)


def strongest(audit: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The properties of a factor audit, by the largest |τ| that any strategy or labeler has, then by name."""
    most: dict[str, float] = {}
    for taus in (taus for sources in audit.values() for taus in sources.values()):
        for name, tau in taus.items():
            most[name] = max(most.get(name, 0.0), abs(tau["value"]) if tau else 0.0)
    return sorted(most, key=lambda name: (-most[name], name))


def factors(taus: dict[str, dict[str, Any]], names: Sequence[str]) -> str:
    """How much more the winner has of each property, a marker a strategy, with intervals; 0 is no preference."""
    if not (taus and names):
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color="#333333", linewidth=1)
        step = 0.8 / len(taus)
        for number, (source, by_name) in enumerate(taus.items()):
            places = np.arange(len(names))[::-1] + 0.4 - step * (number + 0.5)
            known = np.array([bool(by_name[name]) for name in names])
            values, distances = spread([by_name[name] for name in names if by_name[name]])
            axes.errorbar(
                values, places[known], xerr=distances, fmt=MARKERS[number % 6], color=COLORS[number % 6],
                capsize=2, markersize=4, label=source,
            )  # fmt: skip
        axes.set_yticks(np.arange(len(names))[::-1], names)
        axes.set_xlim(-1, 1)
        axes.set_xlabel("the loser has more of it  ←  τ  →  the winner has more of it")
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    return svg(plot, "factors", width=8.4, height=0.8 + 0.42 * len(names))


def calibration(curve: Sequence[dict[str, Any]]) -> str:
    """Accuracy of the implicit reward by its confidence; calibrated rewards lie on the dashed line."""
    if not curve:
        return ""

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0.5, 1], [0.5, 1], color="#333333", linestyle="--", linewidth=1, label="calibrated")
        values, distances = spread([row["accuracy"] for row in curve])
        axes.errorbar(
            [row["p"] for row in curve], values, yerr=distances, fmt="o-", color=COLORS[0], capsize=3,
            label="held-out pairs",
        )  # fmt: skip
        axes.set_xlim(0.5, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("probability that the implicit reward gives its side, σ(|margin|)")
        axes.set_ylabel("share in which it is right")
        axes.legend()

    return svg(plot, "calibration")


def _edges(bins: pd.DataFrame) -> list[float]:
    return [*bins["low"], bins["high"].iloc[-1]]


def _steps(axes: Axes, bins: pd.DataFrame, heights: np.ndarray, number: int, label: str) -> None:
    axes.stairs(
        heights,
        _edges(bins),
        color=COLORS[number % 6],
        linestyle=LINES[number % 6],
        linewidth=1.8,
        label=label,
    )


def _parts(frame: pd.DataFrame, column: str, first: str | None = None) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of a column, by name; `first` comes first."""
    groups = {str(name): part for name, part in frame.groupby(column)}
    return sorted(groups.items(), key=lambda item: (item[0] != first, item[0]))
