"""The overview's pictures as SVG: readable in black and white, the same bytes for the same votes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "realign",  # else every element id is random
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}
_INK, _SECOND = "#0b3954", "#c8553d"


def agreement(people: pd.DataFrame) -> str:
    """Each person's agreement with the consensus and with known answers, with intervals.

    Args:
        people: annotator, agreement, agreement_low, agreement_high, gold, gold_low, gold_high.
    """
    rows = people[people["votes"] > 0].reset_index(drop=True)
    kinds = (
        ("agreement", "with the consensus", "o", _INK, 0.12),
        ("gold", "with known answers", "s", _SECOND, -0.12),
    )

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        for column, label, mark, ink, shift in kinds:
            there = rows[column].notna().to_numpy()
            if there.any():
                value, low, high = (
                    rows.loc[there, c].astype(float) for c in (column, f"{column}_low", f"{column}_high")
                )
                axes.errorbar(
                    value, places[there] + shift, xerr=[value - low, high - value],
                    fmt=mark, color=ink, capsize=4, label=label,
                )  # fmt: skip
        axes.set_yticks(places, rows["annotator"])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlim(0, 1.02)
        axes.set_xlabel("share of answers that agree")
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside upper left", ncols=2)

    return _svg(draw, "agreement", height=1.3 + 0.5 * len(rows))


def time(votes: pd.DataFrame) -> str:
    """How long each person looks at a pair: quartiles as a box, the middle 90 % as whiskers.

    Args:
        votes: annotator, seconds.
    """
    parts = {str(name): part["seconds"].to_numpy() for name, part in votes.groupby("annotator", sort=True)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if parts:
            axes.boxplot(
                list(parts.values())[::-1], tick_labels=list(parts)[::-1], orientation="horizontal", whis=(5, 95),
                showfliers=False, medianprops={"color": _SECOND, "linewidth": 2}, boxprops={"color": _INK},
            )  # fmt: skip
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds a pair")

    return _svg(draw, "time", height=1.1 + 0.5 * len(parts))


def _svg(draw: Callable[[Figure], None], name: str, width: float = 6.4, height: float = 3.2) -> str:
    with mpl.rc_context(_STYLE | {"svg.id": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
