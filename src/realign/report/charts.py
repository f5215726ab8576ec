"""Pictures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from realign.plotting import COLORS, LINES, MARKERS, svg


def similarity(histogram: pd.DataFrame) -> str:
    """All candidate pairs as grey steps, each strategy's picks as a line; shares, not counts."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, part) in enumerate(_ordered(histogram, "picks", first="all")):
            share = part["pairs"].to_numpy() / max(1, part["pairs"].sum())
            edges = [*part["low"], part["high"].iloc[-1]]
            if name == "all":
                axes.stairs(share, edges, fill=True, color="#d0d0d0", label="all candidate pairs")
            else:
                axes.stairs(
                    share,
                    edges,
                    color=COLORS[number % 6],
                    linestyle=LINES[number % 6],
                    linewidth=1.8,
                    label=name,
                )
        axes.set_xlabel("cosine similarity of the two responses")
        axes.set_ylabel("share of pairs")
        axes.legend()

    return svg(draw, "similarity")


def training(curve: pd.DataFrame) -> str:
    """Loss, reward margin and reward accuracy over the steps."""

    def draw(figure: Figure) -> None:
        panels = (
            ("loss", "loss"),
            ("reward_margin", "reward margin (β included)"),
            ("reward_accuracy", "reward accuracy"),
        )
        for axes, (column, title) in zip(figure.subplots(1, 3), panels, strict=True):
            axes.plot(curve["step"], curve[column], color=COLORS[0], linewidth=1.5)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("step")

    return svg(draw, "training", width=9.0, height=2.8)


def lengths(frame: pd.DataFrame) -> str:
    """Length of chosen and rejected, a panel a strategy."""

    def draw(figure: Figure) -> None:
        parts = list(_ordered(frame, "strategy"))
        for axes, (name, part) in zip(
            np.atleast_1d(figure.subplots(1, len(parts), sharey=True)), parts, strict=True
        ):
            for number, side in enumerate(("chosen", "rejected")):
                rows = part[part["side"] == side]
                edges = [*rows["low"], rows["high"].iloc[-1]]
                axes.stairs(
                    rows["responses"],
                    edges,
                    color=COLORS[number],
                    linestyle=LINES[number],
                    label=side,
                    linewidth=1.6,
                )
            axes.set_title(name, fontsize=10)
            axes.set_xlabel("tokens")
        figure.axes[0].legend()

    return svg(draw, "lengths", width=9.0, height=2.8)


def label_error(strategies: dict[str, Any]) -> str:
    """Label error of each strategy with its interval; empty where there is no gold."""
    known = {name: row["label_error"] for name, row in strategies.items() if row["label_error"]}
    if not known:
        return ""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(known))[::-1]
        values = np.array([f["value"] for f in known.values()])
        low = values - np.array([f["low"] for f in known.values()])
        high = np.array([f["high"] for f in known.values()]) - values
        axes.errorbar(values, places, xerr=[low, high], fmt="o", color=COLORS[0], capsize=4)
        axes.set_yticks(places, list(known))
        axes.set_xlim(left=0)
        axes.set_ylim(-0.6, len(known) - 0.4)
        axes.set_xlabel("label error")

    return svg(draw, "label-error", height=0.6 + 0.45 * len(known))


def strongest(audit: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The properties of a factor audit, by the largest |τ| that any strategy or labeler has, then by name."""
    most: dict[str, float] = {}
    for taus in (taus for sources in audit.values() for taus in sources.values()):
        for name, tau in taus.items():
            most[name] = max(most.get(name, 0.0), abs(tau["value"]) if tau else 0.0)
    return sorted(most, key=lambda name: (-most[name], name))


def factors(taus: dict[str, dict[str, Any]], names: Sequence[str]) -> str:
    """How far the winner has more of each property, a mark a strategy, with intervals; 0 is no preference."""
    if not (taus and names):
        return ""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color="#333333", linewidth=1)
        step = 0.8 / len(taus)
        for number, (source, found) in enumerate(taus.items()):
            places = np.arange(len(names))[::-1] + 0.4 - step * (number + 0.5)
            known = [(p, found[n]) for p, n in zip(places, names, strict=True) if found[n]]
            values = np.array([[v[k] for k in ("value", "low", "high")] for _, v in known]).reshape(-1, 3).T
            axes.errorbar(
                values[0], [p for p, _ in known], xerr=[values[0] - values[1], values[2] - values[0]],
                fmt=MARKERS[number % 6], color=COLORS[number % 6], capsize=2, markersize=4, label=source,
            )  # fmt: skip
        axes.set_yticks(np.arange(len(names))[::-1], names)
        axes.set_xlim(-1, 1)
        axes.set_xlabel("the loser has more of it  ←  τ  →  the winner has more of it")
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    return svg(draw, "factors", width=8.4, height=0.8 + 0.42 * len(names))


def calibration(curve: Sequence[dict[str, Any]]) -> str:
    """How often the implicit reward is right against how sure it is; on the line it means what it says."""
    if not curve:
        return ""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0.5, 1], [0.5, 1], color="#333333", linestyle="--", linewidth=1, label="calibrated")
        values = np.array([[row["accuracy"][k] for k in ("value", "low", "high")] for row in curve]).T
        axes.errorbar(
            [row["p"] for row in curve], values[0], yerr=[values[0] - values[1], values[2] - values[0]],
            fmt="o-", color=COLORS[0], capsize=3, label="held-out pairs",
        )  # fmt: skip
        axes.set_xlim(0.5, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("probability that the implicit reward gives its side, σ(|margin|)")
        axes.set_ylabel("share in which it is right")
        axes.legend()

    return svg(draw, "calibration")


def _ordered(
    frame: pd.DataFrame, column: str, first: str | None = None
) -> Sequence[tuple[str, pd.DataFrame]]:
    groups = {str(name): part for name, part in frame.groupby(column, sort=True)}
    return sorted(groups.items(), key=lambda item: (item[0] != first, item[0]))
