"""Pages from templates; the template engine escapes every text of data and models."""

from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from realign.data.text import excerpt
from realign.evaluation import figures
from realign.evaluation.paired import p_words

_NBSP = "\u00a0"  # a no-break space keeps an interval on one line


def render(values: Mapping[str, Any], template: str = "page.html") -> str:
    """A whole page as one HTML text."""
    environment = Environment(
        loader=PackageLoader("realign", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": figure, "seen": excerpt, "percent": percent, "share": share, "points": points, "change": change,
        "p": p_words, "scaled": scaled,
    }  # fmt: skip
    environment.globals["columns"] = columns
    return environment.get_template(template).render(values) + "\n"


def columns(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, figures.Definition]]:
    """The figures that some of these rows have, in the order of the table of figures."""
    present = {name for row in rows for name in row}
    return [(name, definition) for name, definition in figures.FIGURES.items() if name in present]


def scaled(value: Mapping[str, Any] | None, scale: str) -> str:
    """A figure as its scale wants: rates in percent."""
    return percent(value) if scale == "rate" else figure(value)


def figure(value: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A figure with its interval: 0.123 [0.101, 0.150]."""
    return _interval(value, f".{digits}f")


def percent(value: Mapping[str, Any] | None) -> str:
    """A rate with its interval in percent: 12.3 % [10.1, 15.0]."""
    return _interval(value, ".1f", 100, " %")


def points(value: Mapping[str, Any] | None) -> str:
    """A difference of rates with its interval, in percentage points: +1.2 [-0.4, +2.8]."""
    return _interval(value, "+.1f", 100)


def change(value: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A difference with its interval: +0.123 [-0.010, +0.256]."""
    return _interval(value, f"+.{digits}f")


def share(value: float | None) -> str:
    """A share in percent: 12.3 %."""
    return "not known" if value is None else f"{100 * value:.1f} %"


def _interval(value: Mapping[str, Any] | None, form: str, scale: float = 1, unit: str = "") -> str:
    if value is None:
        return "not known"
    middle, low, high = (format(scale * value[key], form) for key in ("value", "low", "high"))
    return f"{middle}{unit} [{low},{_NBSP}{high}]"
