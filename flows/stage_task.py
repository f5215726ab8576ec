"""One Prefect task a stage: `dvc --wait-for-lock repro -s STAGE`, retried only after a transient failure."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import httpx
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import dvc_cli, held_params
from flows.waiting import WAITING, result, waiting
from realign import errors

_KINDS: dict[str, type[errors.UserError]] = {
    kind.status: kind
    for kind in (errors.UserError, errors.ValidationFailed, errors.LabelsMissing, errors.Transient)
}


async def is_transient(task: object, task_run: TaskRun, state: State[object]) -> bool:
    """Whether the stage failed with a transient error."""
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
def repro(
    root: Path, stage: str, fresh: bool, target: str | None = None, quiet: bool = False, force: bool = False
) -> Any:
    """Bring one stage up to date.

    Args:
        root: the project.
        stage: its name, under which it leaves its status.
        fresh: this stage and all before it were up to date at the start, according to DVC.
        target: DVC's name of it, where that differs from `stage`.
        quiet: send its output to the debug log, because several stages run in parallel.
        force: run it though nothing that DVC sees has changed.

    Returns:
        'up to date' or 'ran', or the state of waiting for people.

    Raises:
        UserError: the error that the stage reported, of the same class.
    """
    logger = get_run_logger()
    if fresh:
        logger.info("%s: up to date", stage)
        return "up to date"
    note = root / ".work" / f"{stage}.status.json"
    note.unlink(missing_ok=True)
    say = logger.debug if quiet else logger.info
    failures: list[str] = []

    def pass_on(line: str) -> None:
        (failures.append if line.startswith("ERROR: ") else say)(line)

    def run() -> str:
        forced = ("--force",) if force else ()
        if dvc_cli.run(root, "repro", "--quiet", *forced, "-s", target or stage, say=pass_on):
            raise _reason(note, stage, failures)
        return "ran" if note.is_file() else "up to date"

    try:
        return held_params.steady(root, run)
    except errors.LabelsMissing as missing:
        return waiting(missing)


def run_stage(root: Path, stage: str, fresh: bool, target: str | None = None, force: bool = False) -> str:
    """Bring one stage up to date as a task of its own; see `repro`.

    Raises:
        LabelsMissing: people have to vote first.
        UserError: the stage failed.
    """
    outcome: str = result(repro(root, stage, fresh, target, force=force, return_state=True))
    return outcome


def _reason(note: Path, stage: str, failures: list[str]) -> errors.UserError:
    try:
        report = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {}
    kind, message = report.get("status", ""), report.get("message", "")
    if kind in _KINDS:
        return _KINDS[kind](f"{stage}: {message}", code=report.get("code", ""))
    if kind == "running":
        message = "it was killed or ran out of memory; the same command continues from its finished rows"
    return errors.UserError(
        f"{stage} failed: {message or '; '.join(failures) or 'DVC could not start it; see its output above'}",
        code="run.stage_failed",
    )


class _PlainErrors(logging.Filter):
    """Drops what Prefect logs of a UserError, of waiting for people or of a server that has gone.

    The command says it when it ends. Every other exception keeps its record and its traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is worth reading."""
        if record.exc_info and isinstance(record.exc_info[1], (errors.UserError, httpx.TransportError)):
            return False
        text = record.getMessage()
        if not text.startswith("Finished in state "):
            return True
        ours = "|".join(kind.__name__ for kind in _KINDS.values())
        return not (re.search(rf"exception:? ({ours})\b", text) or WAITING in text or "Running()" in text)


def plain_logs() -> None:
    """Put the filter on Prefect's run loggers, and keep off the terminal why a log line did not reach a server."""
    logging.raiseExceptions = False
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, _PlainErrors) for one in logger.filters):
            logger.addFilter(_PlainErrors())
