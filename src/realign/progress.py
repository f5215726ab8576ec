"""Progress a person can follow in a terminal, a log file or an orchestrator's page."""

from __future__ import annotations

import sys

from tqdm import tqdm


def progress(total: int, what: str, unit: str, done: int = 0) -> tqdm[None]:
    """A bar on stderr, at most one refresh in two seconds; `done` rows were finished earlier."""
    return tqdm(
        total=total,
        initial=done,
        desc=what,
        unit=f" {unit}",
        mininterval=2.0,
        file=sys.stderr,
        ascii=" =",
        ncols=90,
        dynamic_ncols=False,
    )


def say(line: str) -> None:
    """A line beside the bars."""
    tqdm.write(line, file=sys.stderr)
