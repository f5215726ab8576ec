"""Damaged copies of tracked files: named, dropped, and fetched or made again. DVC believes what is on disk."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flows import dvc_cli
from realign.errors import UserError, listing, on_disk
from realign.store import artifacts, tracked
from realign.store.ids import digest
from realign.store.tracked import Tracked

Say = Callable[[str], object]


def repair(root: Path, say: Say) -> int:
    """Drop every damaged copy in the workspace and in DVC's cache, and fetch what the remote has.

    What stages wrote and the remote does not have is left missing, so that its stage runs again. A file that was
    edited is not damaged: DVC sees the edit.

    Args:
        root: the project; the caller must hold its lock.
        say: takes a line about each damaged copy.

    Returns:
        How many there were.

    Raises:
        UserError: what a person put there is damaged, and there is no sound copy.
    """
    damaged = _drop(root, _unproven(root), say)
    if not damaged:
        return 0
    targets = [str(one.path.relative_to(root)) for one in damaged]
    dvc_cli.run(root, "checkout", "--quiet", "--allow-missing", "--force", *targets, say=lambda _: None)
    if any(not one.path.exists() for one in damaged) and _has_remote(root):
        dvc_cli.run(root, "pull", "--quiet", "--allow-missing", "--force", *targets, say=lambda _: None)
        for one in _drop(root, damaged, lambda _: None):
            if one.path.exists() or not one.stage:
                say(f"{one.path.relative_to(root)}: the copy on the remote is damaged too, or not there")
    lost = [f"{one.path} ({one.by})" for one in damaged if not one.stage and not one.path.exists()]
    if lost:
        raise UserError(
            listing("damaged, and neither the cache nor a remote has a sound copy:", lost)
            + "\nPut the file back and track it again: dvc add FILE",
            code="artifact.lost",
        )
    return len(damaged)


def _unproven(root: Path) -> list[Tracked]:
    """Tracked files that are not known to be sound; those that have not changed since they were, are."""
    known_at = root / ".work" / "verified.json"
    known = artifacts.read_json(known_at) if known_at.is_file() else {}
    now, unproven = {}, []
    for one in tracked.tracked(root):
        signature = digest(one.digest, *_stats(one.path))
        if known.get(str(one.path)) == signature or one.is_sound:
            now[str(one.path)] = signature
        else:
            unproven.append(one)
    artifacts.write_json(known_at, now)
    return unproven


def _stats(path: Path) -> list[str]:
    """What changes when a file, or one in a folder, is written again."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = ((file, file.stat()) for file in files if file.is_file())
    return [f"{file} {stat.st_ino} {stat.st_mtime_ns} {stat.st_size}" for file, stat in stats]


def _drop(root: Path, suspects: Sequence[Tracked], say: Say) -> list[Tracked]:
    """Remove the damaged ones of these, from the cache and from the workspace."""
    if not suspects:
        return []
    cache = Path(dvc_cli.query(root, "cache", "dir").strip())
    # An edit that DVC sees is somebody's work, and no damage.
    seen = json.dumps(dvc_cli.status(root)) if any(one.path.exists() for one in suspects) else ""
    dropped = []
    for one in suspects:
        name = str(one.path.relative_to(root))
        bad = [
            file
            for file, wanted in _objects(root / cache, one.digest)
            if tracked.content_digest(file) != wanted
        ]
        is_copy = tracked.content_digest(one.path) in {tracked.content_digest(file) for file in bad}
        is_edited = not one.stage and f'"{name}"' in seen and not is_copy
        if not bad and (not one.path.exists() or f'"{name}"' in seen):
            continue
        with on_disk(cache):
            for file in bad:
                say(f"{name}: its copy {file} in DVC's cache is damaged and is removed")
                file.unlink()
        if one.path.exists() and not one.is_sound and not is_edited:
            say(f"{name} is not what {one.by} says and is removed")
            shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()
        dropped.append(one)
    return dropped


def _objects(cache: Path, name: str) -> Iterator[tuple[Path, str]]:
    """The files in the cache that hold a tracked file or folder, with the MD5 of each, as far as they are there."""
    path = cache / "files" / "md5" / name[:2] / name[2:]
    if not path.is_file():
        return
    yield path, name.removesuffix(".dir")
    if name.endswith(".dir") and tracked.content_digest(path) == name.removesuffix(".dir"):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            yield from _objects(cache, entry["md5"])


def _has_remote(root: Path) -> bool:
    try:
        return bool(dvc_cli.remote(root))
    except UserError:
        return False
