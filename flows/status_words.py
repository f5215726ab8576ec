"""DVC's status in a person's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realign.stage import STAGES

_WORDS = {
    "modified": "changed",
    "deleted": "missing",
    "new": "new",
    "not in cache": "not in the cache (realign pull fetches it)",
}


def lines(stale: Mapping[str, list[Any]]) -> Iterator[str]:
    """A line a stage: up to date, stale with reasons, or below a stale one."""
    if not stale:
        yield "all stages are up to date"
        return
    above: str | None = None
    for name in STAGES:
        if name in stale:
            reasons = list(_reasons(stale[name]))
            yield f"{name}: stale"
            yield from (f"    {reason}" for reason in reasons)
            above = above or name
        elif above:
            yield f"{name}: will be looked at again after {above}"
        else:
            yield f"{name}: up to date"
    others = [name for name in stale if name not in STAGES]
    yield from (f"{name}: {', '.join(_reasons(stale[name]))}" for name in others)


def _reasons(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield {
                "changed command": "its command changed",
                "always changed": "it has no outputs",
            }.get(entry, entry)
            continue
        for kind, found in entry.items():
            what = {"changed deps": "input", "changed outs": "output"}.get(kind, kind)
            for path, state in found.items() if isinstance(found, dict) else ():
                if isinstance(state, dict):  # params: {key: state}
                    yield from (f"parameter {key} {_WORDS.get(s, s)}" for key, s in state.items())
                else:
                    yield f"{what} {path} {_WORDS.get(state, state)}"
