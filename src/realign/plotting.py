"""Charts as inline SVG: the same numbers give the same bytes; readable in black and white."""

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Interval = Mapping[str, Any]
"""A figure of evaluation as JSON: value, low, high, ..."""

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
LINES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)))  # distinguishable without color
MARKERS = ("o", "s", "^", "D", "v", "X")
COLORS = ("#0b3954", "#c8553d", "#588b8b", "#8a5a00", "#6d597a", "#333333")


def svg(plot: Callable[[Figure], None], name: str, width: float = 6.4, height: float = 3.2) -> str:
    """The figure that `plot` fills, sized in inches, as an <svg> element whose ids begin with `name`."""
    with mpl.rc_context(_STYLE | {"svg.id": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        plot(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def spread(figures: Iterable[Mapping[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Values, shape (n,), and their distances to both ends of the interval, shape (2, n): for `errorbar`."""
    values, low, high = np.array([[f["value"], f["low"], f["high"]] for f in figures]).reshape(-1, 3).T
    return values, np.array([values - low, high - values])


def interval_rows(
    axes: Axes, figures: Mapping[str, Interval], label: str, hollow: Collection[str] = ()
) -> None:
    """A dot with its interval in a row for each name, from the top down; `hollow` names get a hollow dot."""
    places = np.arange(len(figures))[::-1]
    values, distances = spread(list(figures.values()))
    axes.errorbar(values, places, xerr=distances, fmt="o", color=COLORS[0], capsize=4)
    empty = np.isin(list(figures), list(hollow))
    axes.plot(values[empty], places[empty], "o", color=COLORS[0], markerfacecolor="white", zorder=3)
    axes.set_yticks(places, list(figures))
    axes.set_ylim(-0.6, len(figures) - 0.4)
    axes.set_xlim(left=0)
    axes.set_xlabel(label)


def names_beside(axes: Axes, points: Sequence[tuple[str, float, float]]) -> None:
    """The name of each point (name, x, y) in a column at the right, moved apart, with a line to its point."""
    bottom, top = axes.get_ylim()
    gap = (top - bottom) * max(0.06, 0.2 * axes.figure.dpi / axes.bbox.height)  # inches
    at = -np.inf
    for name, x, y in sorted(points, key=lambda point: (point[2], point[1], point[0])):
        at = max(y, at + gap)
        axes.annotate(
            name, (x, y), xytext=(1.03, at), textcoords=axes.get_yaxis_transform(), va="center",
            annotation_clip=False, arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#888888", "relpos": (0, 0.5)},
        )  # fmt: skip
    axes.set_ylim(bottom, max(top, at + gap / 2))
