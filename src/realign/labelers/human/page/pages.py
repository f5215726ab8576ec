"""The values of the templates: escaped text, and nothing that reveals where a response comes from."""

import functools
from typing import Any, Literal

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from realign.data.text import seen
from realign.labelers.human.page import texts
from realign.labelers.human.page.assignment import Assignment
from realign.store import ids

View = Literal["formatted", "plain", "difference"]

LONGEST_COMMENT = 2000

ANSWERS = {
    "left": "left is better",
    "right": "right is better",
    "tie": "equally good",
    "both_bad": "both are bad",
    "skip": "skipped",
}
"""How the page words an answer."""


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template."""
    return HTMLResponse(_environment().get_template(name).render(values), status)


def pair(assignment: Assignment, view: View, whole: bool) -> dict[str, Any]:
    """The values of a pair's template, and nothing that reveals where a response comes from."""
    messages = ids.load_messages(assignment.messages)
    sides = (assignment.left, assignment.right)
    if whole:
        shown = tuple(texts.plain(text, whole=True) for text in sides)
    elif view == "difference":
        shown = texts.difference(*sides)
    else:
        shown = tuple(texts.markdown(t) if view == "formatted" else texts.plain(t) for t in sides)
    longest = max(len(text) for text in (*sides, *(m["content"] for m in messages)))
    return {
        "showing": assignment.showing,
        "messages": messages,
        "left": shown[0],
        "right": shown[1],
        "view": view,
        "whole": whole,
        "is_cut": longest > texts.LONGEST and not whole,
        "longest": longest,
        "most": texts.LONGEST,
        "longest_comment": LONGEST_COMMENT,
    }


def duration(seconds: float) -> str:
    """A duration in words: 45 s, 12 min, 1 h 30 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("realign.labelers.human.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seen": seen, "plain": texts.plain, "duration": duration}
    return environment
