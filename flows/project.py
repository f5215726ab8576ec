"""A project's folder: finding it, one run at a time in it, and what must be there before a run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from realign.errors import UserError

if TYPE_CHECKING:
    from realign.config.params import Params


def find(start: Path | None = None) -> Path:
    """The project's root: the nearest folder upwards with dvc.yaml and params.yaml.

    Raises:
        UserError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return folder
    raise UserError(f"{here} is not inside a realign project (no dvc.yaml and params.yaml here or above)")


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the workspace; a dead run's hold is gone with it.

    Raises:
        UserError: another run holds it.
    """
    from filelock import FileLock, Timeout

    path = root / ".work" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"another run is at work in {root}. Wait for it, or stop it") from None
    try:
        yield
    finally:
        lock.release()


def check(root: Path) -> Params:
    """Check, before any work, what can be known before any work.

    Raises:
        UserError: parameters are wrong, a strategy does not exist, the raw file, the earlier adapter or git
            is not there.
    """
    from realign.config import params_file
    from realign.data import sources
    from realign.selection import refuse, registry
    from realign.store.artifacts import ARTIFACTS
    from realign.training import objective

    found = params_file.load(root / params_file.PARAMS_FILE)
    refuse(
        (found.strategy, *found.audit),
        registry(root / ARTIFACTS["strategies"].path),
        found.select,
        found.pilot,
        found.rewards,
    )
    sources.check(found)
    objective.check(found.train)
    if not (root / found.prepare.path).exists():
        raise UserError(
            f"prepare.path: {found.prepare.path} is not there. Put the raw file in its place, or name another"
        )
    rewards = found.rewards
    if rewards.reward == "adapter" and not (root / rewards.adapter).exists():
        raise UserError(
            f"rewards.adapter: {rewards.adapter} is not there. Put an earlier run's adapter in its "
            "place (docs/operations.md), or name another"
        )
    inside = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=root, capture_output=True, check=False)
    if inside.returncode:
        raise UserError(f"{root} is not a git repository, and DVC needs one: git init")
    return found


def check_comparison(root: Path, found: Params) -> None:
    """Check, before any work, whether the experiment of these parameters can be made.

    Raises:
        UserError: strategies that are unknown or cannot run, budgets that learn nothing or that the prompts do
            not reach for; all are listed.
    """
    from realign.selection import registry
    from realign.selection.arm_picks import refuse
    from realign.store.artifacts import ARTIFACTS

    known = registry(root / ARTIFACTS["strategies"].path)
    rewards = found.rewards.reward != "none"
    refuse(found.compare, found.select, found.pilot, rewards, known, _train_prompts(root))


def _train_prompts(root: Path) -> int | None:
    """Train prompts that the data has; None before prepare has looked at it."""
    from flows import dvc_cli
    from realign.store import artifacts, schemas
    from realign.store.artifacts import ARTIFACTS

    path = root / ARTIFACTS["prompts"].path
    if not path.is_file() or "prepare" in dvc_cli.status(root):
        return None
    return int((artifacts.read_table(path, schemas.PROMPTS)["split"] == "train").sum())
