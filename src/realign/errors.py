"""Errors that a person can act on; everything else is a bug and keeps its traceback."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_LEAST_FREE = 2**20  # bytes


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


@contextmanager
def on_disk(place: Path) -> Iterator[None]:
    """Raise what the disk refuses as an error for a person; `place` is named where the system names nothing."""
    try:
        yield
    except OSError as error:
        raise of_disk(error, place) or error from None


def of_disk(error: BaseException, place: Path) -> UserError | None:
    """The error for a person, if the disk is what stopped the work: it is full, or a folder cannot be used.

    Libraries report a full disk in words of their own, so the disk of `place` is looked at as well.
    """
    number = error.errno if isinstance(error, OSError) else None
    where = Path(error.filename) if isinstance(error, OSError) and isinstance(error.filename, str) else place
    if number in _FULL or "No space left on device" in str(error) or (number is None and _is_full(place)):
        return UserError(
            f"{where}: the disk is full ({_first_line(error)}). Make room there (df -h {_nearest(where)} shows how much "
            "is left); the same command goes on from the finished rows",
            code="disk.full",
        )
    if number in _CLOSED:
        return UserError(
            f"{where}: it cannot be written or read ({_first_line(error)}). Its folder must be yours to write: look at "
            f"ls -ld {_nearest(where)}, and whether the disk is mounted read-only",
            code="disk.closed",
        )
    if number is not None and not isinstance(error, ConnectionError | TimeoutError):
        return UserError(
            f"{where}: it cannot be used ({_first_line(error)}). There must be a folder that you may write",
            code="disk.unusable",
        )
    return None


def _is_full(place: Path) -> bool:
    return shutil.disk_usage(_nearest(place)).free < _LEAST_FREE


def _nearest(place: Path) -> Path:
    """The folder of a path, or the nearest one above that exists."""
    return next((folder for folder in place.absolute().parents if folder.is_dir()), Path("/"))


def _first_line(error: BaseException) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).splitlines()[0]
