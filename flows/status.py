"""DVC's status in plain words."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from realign.config import yaml_file
from realign.config.params_file import PARAMS_FILE
from realign.pipeline.table import STAGES
from realign.store.artifacts import ARTIFACTS
from realign.store.work import WORK

NOTHING = (
    "nothing has run here yet: realign run starts the pipeline, realign pull fetches what a team has pushed"
)
_WORDS = {
    "modified": "changed",
    "deleted": "missing",
    "new": "new",
    "not in cache": "not in the cache (realign pull fetches it)",
}


def nothing_yet(root: Path) -> bool:
    """Whether no stage has run here and nothing was pulled."""
    ran = any((root / WORK).glob("*.status.json"))
    return not ran and not (root / ARTIFACTS["prompts"].path).exists()


def lines(stale: Mapping[str, list[Any]], root: Path) -> Iterator[str]:
    """A line a stage: up to date, stale with its reasons, or after a stale one."""
    if not stale:
        yield "all stages are up to date"
        return
    above: str | None = None
    for name in STAGES:
        if name in stale:
            yield f"{name}: stale"
            yield from (f"    {reason}" for reason in _reasons(name, stale[name], root))
            above = above or name
        elif above:
            yield f"{name}: to be checked again after {above}"
        else:
            yield f"{name}: up to date"
    for name in sorted(set(stale) - set(STAGES)):
        yield f"{name}: {', '.join(_reasons(name, stale[name], root))}"


def _reasons(stage: str, entries: list[Any], root: Path) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield {"changed command": "its command changed"}.get(entry, entry)
            continue
        for kind, files in entry.items():
            what = {"changed deps": "input", "changed outs": "output"}.get(kind, kind)
            for path, state in files.items() if isinstance(files, dict) else ():
                if path == PARAMS_FILE:
                    yield from _parameters(stage, root)
                else:
                    yield f"{what} {path} {_WORDS.get(state, state)}"


def _parameters(stage: str, root: Path) -> Iterator[str]:
    """DVC names the section; the keys that changed are the difference from dvc.lock."""
    lock = _yaml(root / "dvc.lock").get("stages", {}).get(stage, {}).get("params", {}).get(PARAMS_FILE)
    if lock is None:
        yield "it has never run here"
        return
    now = _leaves(_yaml(root / PARAMS_FILE))
    for key, value in _leaves(lock).items():
        if now.get(key, ...) != value:
            yield f"parameter {key} changed from {value} to {now.get(key, 'nothing')}"
    sections = tuple(lock)
    for key in sorted(now.keys() - _leaves(lock).keys()):
        if key.split(".")[0] in sections:
            yield f"parameter {key} is new"


def _yaml(path: Path) -> dict[str, Any]:
    return (yaml_file.load(path) or {}) if path.is_file() else {}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
