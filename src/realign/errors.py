"""Errors that a person can act on; everything else is a bug and keeps its traceback."""

from collections.abc import Sequence


class UserError(Exception):
    """What is wrong, where, and how to mend it, for a person. Printed without a traceback.

    Args:
        message: the whole of it, in plain English.
        code: names the kind for programs and tests, `area.what`, e.g. `params.unknown_key`.

    Attributes:
        status: the word a stage leaves in `.work/<stage>.status.json`.
    """

    status = "bad_input"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ValidationFailed(UserError):
    """A quality gate refused a table."""

    status = "validation_failed"


class LabelsMissing(UserError):
    """Labels that people give are not there yet; the same command goes on when they are."""

    status = "labels_missing"


class Transient(UserError):
    """A failure of something outside that may pass by itself: the only one that is retried."""

    status = "transient"


def listing(head: str, problems: Sequence[str], limit: int = 20) -> str:
    """One message for all problems: a head line and a line each, cut with a count at `limit`."""
    lines = [f"  - {problem}" for problem in problems[:limit]]
    if len(problems) > limit:
        lines.append(f"  - … and {len(problems) - limit} more")
    return "\n".join([head, *lines])
