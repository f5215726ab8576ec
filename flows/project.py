"""A project's folder: finding it, locking it for one run at a time, and checks before a run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from flows import dvc_cli
from realign.errors import UserError, on_disk

if TYPE_CHECKING:
    from realign.config.params import Params


def find(start: Path | None = None) -> Path:
    """The project's root: the nearest folder at or above `start` with dvc.yaml and params.yaml.

    Raises:
        UserError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return folder
    raise UserError(
        f"{here} is not inside a realign project (no dvc.yaml and params.yaml here or above)",
        code="project.not_found",
    )


@contextmanager
def locked(root: Path, write: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the workspace, and params.yaml as it is now; the lock of a dead run ends with its process.

    Args:
        root: the project.
        write: changes params.yaml before that, when no other run can be reading it.

    Raises:
        UserError: another run holds it.
    """
    from filelock import FileLock, Timeout

    from flows.held_params import held

    path = root / ".work" / "run.lock"
    lock = FileLock(path, thread_local=False, is_singleton=True)
    command = not lock.is_locked  # else its flow, which runs inside of it
    with on_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another run is at work in {root}. Wait for it, or stop it", code="project.locked"
            ) from None
    with lock, held(root, write) if command else nullcontext():
        lock.release()  # `with` took it a second time
        if command:
            dvc_cli.drop_dead_lock(root)
        yield


def check(root: Path) -> Params:
    """Check everything that can be checked before any work starts.

    Raises:
        UserError: parameters are invalid, a strategy does not exist, or the raw file, the earlier adapter or
            git is missing.
    """
    from realign.config import params_file, yaml_file
    from realign.data import sources
    from realign.data.prepare import detected
    from realign.labelers import registry as labelers
    from realign.models import load
    from realign.selection import refuse, registry
    from realign.store import tracked
    from realign.store.artifacts import ARTIFACTS
    from realign.training import objective

    params = params_file.load(root / params_file.PARAMS_FILE)
    tracked.tracked(root)  # dvc.lock and the .dvc files can be read
    if (root / dvc_cli.PIPELINE).is_file():
        yaml_file.load(root / dvc_cli.PIPELINE)
    refuse(
        (params.strategy, *params.audit),
        registry(root / ARTIFACTS["strategies"].path),
        params.select,
        params.pilot,
        params.rewards,
    )
    load.check_folders(params)
    if not (root / params.prepare.path).is_file():  # a pipe would be waited for without end
        raise UserError(
            f"prepare.path: {params.prepare.path} does not exist, or is no file. Put the raw file in its place, or name "
            "another",
            code="project.no_raw_file",
        )
    prepare = detected(root / params.prepare.path, params.prepare)
    read_as = params.model_copy(update={"prepare": prepare})
    sources.check(read_as)
    labelers.refuse(read_as, sources.find(prepare))
    objective.check(params.train)
    rewards = params.rewards
    if rewards.reward == "adapter" and not (root / rewards.adapter).exists():
        raise UserError(
            f"rewards.adapter: {rewards.adapter} does not exist. Put an earlier run's adapter in its "
            "place (docs/operations.md), or name another",
            code="project.no_adapter",
        )
    inside = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=root, capture_output=True, check=False)
    if inside.returncode:
        raise UserError(f"{root} is not a git repository, and DVC needs one: git init", code="project.no_git")
    return params


def check_comparison(root: Path, params: Params) -> None:
    """Check, before any work starts, whether the experiment of these parameters can run.

    Raises:
        UserError: lists strategies that are unknown or cannot run, budgets too small to learn from, and budgets
            larger than the number of prompts.
    """
    from realign.selection import registry
    from realign.selection.arm_picks import refuse
    from realign.store.artifacts import ARTIFACTS

    known = registry(root / ARTIFACTS["strategies"].path)
    rewards = params.rewards.reward != "none"
    refuse(params.compare, params.select, params.pilot, rewards, known, _train_prompts(root))


def _train_prompts(root: Path) -> int | None:
    """Number of train prompts in the data; None before prepare has run."""
    from realign.store import artifacts, schemas
    from realign.store.artifacts import ARTIFACTS

    path = root / ARTIFACTS["prompts"].path
    if not path.is_file() or "prepare" in dvc_cli.status(root):
        return None
    return int((artifacts.read_table(path, schemas.PROMPTS)["split"] == "train").sum())
