"""The page, from a template; every text of data or model is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from realign.data.text import excerpt

_TIED = "\u00a0"  # a space at which no line breaks: an interval stays in one piece


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
    }  # fmt: skip
    return environment.get_template(template).render(values) + "\n"


def figure(value: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A figure with its interval: 0.123 [0.101, 0.150]."""
    if value is None:
        return "not known"
    return f"{value['value']:.{digits}f} [{value['low']:.{digits}f},{_TIED}{value['high']:.{digits}f}]"


def share(value: float | None) -> str:
    """A bare share in percent: 12.3 %."""
    return "an unknown share" if value is None else f"{100 * value:.1f} %"


def percent(value: Mapping[str, Any] | None) -> str:
    """A rate with its interval in percent: 12.3 % [10.1, 15.0]."""
    if value is None:
        return "not known"
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.1f},{_TIED}{100 * value['high']:.1f}]"


def points(value: Mapping[str, Any] | None) -> str:
    """A difference of rates with its interval, in percentage points: +1.2 [-0.4, +2.8]."""
    if value is None:
        return "not known"
    return f"{100 * value['value']:+.1f} [{100 * value['low']:+.1f},{_TIED}{100 * value['high']:+.1f}]"


def change(value: Mapping[str, Any] | None, digits: int = 3) -> str:
    """A difference with its interval: +0.123 [-0.010, +0.256]."""
    if value is None:
        return "not known"
    return f"{value['value']:+.{digits}f} [{value['low']:+.{digits}f},{_TIED}{value['high']:+.{digits}f}]"
