"""params.yaml as a run began with it: whoever edits it meanwhile finds the edit back in place when the run has ended.

DVC reads the file before and after every stage, so it has to lie there as the run began with it. An edit is put aside in
`.work`, and a stage that may have seen it is run again, which costs little: its finished rows are kept.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from realign.config.params_file import PARAMS_FILE
from realign.errors import UserError
from realign.store.work import WORK

T = TypeVar("T")


def _began(root: Path) -> Path:
    return root / WORK / PARAMS_FILE


def _edited(root: Path) -> Path:
    return root / WORK / "params.edited.yaml"


@contextmanager
def held(root: Path, write: Callable[[], None]) -> Iterator[None]:
    """Let `write` change params.yaml, and keep it so to the end; the caller must hold the lock of the workspace."""
    _put_back(root)  # after a run that was killed
    write()
    shutil.copyfile(root / PARAMS_FILE, _began(root))
    try:
        yield
    finally:
        _put_back(root)
        if _changed(root):
            print(
                "\nparams.yaml was changed during the run, which kept to the values that it began with. "
                "The change is in place: realign status shows what it makes stale",
                file=sys.stderr,
            )


def steady(root: Path, work: Callable[[], T]) -> T:
    """What `work` gives, done with params.yaml as the run began with it, and again if somebody edits it meanwhile."""
    while True:
        _put_aside(root)
        try:
            result = work()
        except UserError:
            if not _changed(root):
                raise
        else:
            if not _changed(root):
                return result


def _changed(root: Path) -> bool:
    path = root / PARAMS_FILE
    return not path.is_file() or path.read_bytes() != _began(root).read_bytes()


def _put_aside(root: Path) -> None:
    path = root / PARAMS_FILE
    if not _changed(root):
        return
    if path.is_file():
        shutil.move(path, _edited(root))
    copy = path.with_name(f".{PARAMS_FILE}")
    shutil.copyfile(_began(root), copy)
    copy.replace(path)


def _put_back(root: Path) -> None:
    """Put the last edit in its place, unless there is a newer one."""
    if _edited(root).is_file() and not _changed(root):
        shutil.move(_edited(root), root / PARAMS_FILE)
    _edited(root).unlink(missing_ok=True)
