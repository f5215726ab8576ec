"""What tracked files hold according to dvc.lock and the *.dvc files, and what they do hold."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from realign.config import yaml_file
from realign.errors import UserError, listing

LOCKS = ("dvc.lock", "compare/dvc.lock")


@dataclass(frozen=True)
class Tracked:
    """A file or folder of which a digest was written down.

    Attributes:
        path: where it lies.
        digest: its MD5 as DVC has it; of a folder, of the list of its files, with .dir behind.
        by: the lock or the .dvc file that says so.
        stage: the stage that wrote it; "" for what people put there.
    """

    path: Path
    digest: str
    by: str
    stage: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether it holds what was written down."""
        return content_digest(self.path) == self.digest


def tracked(root: Path) -> list[Tracked]:
    """Everything of which dvc.lock or a .dvc file holds a digest.

    Raises:
        UserError: one of these files has conflict markers or is no YAML.
    """
    return [*_stage_outputs(root), *_added(root)]


def refuse_damaged(root: Path, paths: Iterable[Path]) -> None:
    """Compare what a stage is about to read with what was written by the stages before it.

    Raises:
        UserError: lists inputs that are not what their stage wrote.
    """
    outputs = {one.path: one for one in _stage_outputs(root)}
    damaged = [outputs[path] for path in paths if path in outputs and not outputs[path].is_sound]
    if damaged:
        lines = [
            f"{one.path} is not what stage {one.stage} wrote ({one.by} says MD5 {one.digest})"
            for one in damaged
        ]
        raise UserError(
            listing("damaged input:", lines)
            + "\nrealign run removes it with its damaged copy in DVC's cache, and fetches it or makes it again",
            code="artifact.damaged",
        )


def content_digest(path: Path) -> str | None:
    """The MD5 of a file, or of a folder as DVC has it; None where there is neither."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    if not path.is_dir():
        return None
    files = sorted((file.relative_to(path).parts, file) for file in path.rglob("*") if file.is_file())
    entries = [{"md5": content_digest(file), "relpath": "/".join(parts)} for parts, file in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _stage_outputs(root: Path) -> Iterator[Tracked]:
    for name in LOCKS:
        lock = root / name
        stages = ((yaml_file.load(lock) or {}) if lock.is_file() else {}).get("stages", {})
        for stage, entry in stages.items():
            for out in entry.get("outs", ()):
                if (
                    "md5" in out
                ):  # paths are relative to the stage's folder, which is the root in both pipelines
                    yield Tracked(root / out["path"], out["md5"], name, stage)


def _added(root: Path) -> Iterator[Tracked]:
    for folder in ("data", "models"):
        for file in sorted((root / folder).rglob("*.dvc")):
            for out in (yaml_file.load(file) or {}).get("outs", ()) if file.is_file() else ():
                if "md5" in out:
                    yield Tracked(file.parent / out["path"], out["md5"], str(file.relative_to(root)))
