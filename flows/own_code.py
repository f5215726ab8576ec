"""Which files of `strategies/` are new since the last run: whoever loads strategies executes them."""

from pathlib import Path

from realign.errors import UserError
from realign.store import artifacts
from realign.store.artifacts import ARTIFACTS
from realign.store.ids import digest
from realign.store.work import WORK

_RECORD = WORK / "strategies.json"


def new(root: Path) -> list[str]:
    """Files that were added or changed since the last run that ended well here; all where there was none."""
    try:
        known = artifacts.read_json(root / _RECORD)
    except UserError:
        known = {}
    return [name for name, content in _files(root).items() if known.get(name) != content]


def remember(root: Path) -> None:
    """Write down what a run executed."""
    artifacts.write_json(root / _RECORD, _files(root))


def _files(root: Path) -> dict[str, str]:
    """The digest of each Python file's content, by its path in the project."""
    files = sorted((root / ARTIFACTS["strategies"].path).rglob("*.py"))
    return {path.relative_to(root).as_posix(): digest(path.read_bytes().hex()) for path in files}
