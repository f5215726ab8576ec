"""One Prefect task a stage: `dvc --wait-for-lock repro -s STAGE`, retried only if it may pass by itself."""

from __future__ import annotations

import json
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import dvc_cli
from realign import errors

_KINDS: dict[str, type[errors.UserError]] = {
    kind.status: kind
    for kind in (errors.UserError, errors.ValidationFailed, errors.LabelsMissing, errors.Transient)
}


async def is_transient(task: object, task_run: TaskRun, state: State[object]) -> bool:
    """Whether a failed stage said that its trouble may pass by itself."""
    try:
        await state.aresult() if hasattr(state, "aresult") else state.result()
    except errors.Transient:
        return True
    except Exception:
        return False
    return False


@task(
    task_run_name="{stage}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=3,
    retry_delay_seconds=[10, 60, 300],
    retry_condition_fn=is_transient,
)
def run_stage(root: Path, stage: str, fresh: bool, target: str | None = None, quiet: bool = False) -> str:
    """Bring one stage up to date.

    Args:
        root: the project.
        stage: its name, under which it leaves its status.
        fresh: DVC said at the start that this stage and all above it are up to date.
        target: what DVC calls it, where that is not its name in the project's pipeline.
        quiet: its lines are for the debug log, because others speak beside it.

    Returns:
        'up to date' or 'ran'.

    Raises:
        UserError: what the stage said, as the kind it said.
    """
    logger = get_run_logger()
    if fresh:
        logger.info("%s: up to date", stage)
        return "up to date"
    note = root / ".work" / f"{stage}.status.json"
    note.unlink(missing_ok=True)
    say = logger.debug if quiet else logger.info
    if dvc_cli.run(root, "repro", "--quiet", "-s", target or stage, say=say) == 0:
        return "ran" if note.is_file() else "up to date"
    raise _reason(note, stage)


def _reason(note: Path, stage: str) -> errors.UserError:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    kind, message = said.get("status", ""), said.get("message", "")
    if kind in _KINDS:
        return _KINDS[kind](f"{stage}: {message}")
    if kind == "running":
        message = "it was killed or ran out of memory; the same command goes on from its finished rows"
    return errors.UserError(
        f"{stage} failed: {message or 'DVC could not start it; its own words stand above'}"
    )
