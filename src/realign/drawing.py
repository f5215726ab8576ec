"""Drawings as inline SVG: the same numbers give the same bytes; readable in black and white."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
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
MARKS = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))  # told apart without colour
POINTS = ("o", "s", "^", "D", "v", "x")
INKS = ("#0b3954", "#c8553d", "#588b8b", "#8a5a00", "#6d597a", "#333333")


def svg(draw: Callable[[Figure], None], name: str, width: float = 6.4, height: float = 3.2) -> str:
    """What `draw` draws, in inches, as an <svg> element whose ids begin with `name`."""
    with mpl.rc_context(_STYLE | {"svg.id": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
