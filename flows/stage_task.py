"""One Prefect task a stage: `dvc --wait-for-lock repro -s STAGE`, retried only after a transient failure."""

import json
import logging
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from flows import dvc_cli, held_params
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
def run_stage(root: Path, stage: str, fresh: bool, target: str | None = None, quiet: bool = False) -> str:
    """Bring one stage up to date.

    Args:
        root: the project.
        stage: its name, under which it leaves its status.
        fresh: this stage and all before it were up to date at the start, according to DVC.
        target: DVC's name of it, where that differs from `stage`.
        quiet: send its output to the debug log, because several stages run in parallel.

    Returns:
        'up to date' or 'ran'.

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

    def repro() -> str:
        if dvc_cli.run(root, "repro", "--quiet", "-s", target or stage, say=say):
            raise _reason(note, stage)
        return "ran" if note.is_file() else "up to date"

    return held_params.steady(root, repro)


def _reason(note: Path, stage: str) -> errors.UserError:
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
        f"{stage} failed: {message or 'DVC could not start it; see its output above'}",
        code="run.stage_failed",
    )


class _PlainErrors(logging.Filter):
    """Logs a UserError once and without a traceback; every other exception keeps its traceback.

    The stage's own output has shown the message by the time Prefect logs the failures of task and flow.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the record with the traceback, and cut the state's message to its first line."""
        if record.exc_info and isinstance(record.exc_info[1], errors.UserError):
            return False
        text = record.getMessage()
        if text.startswith("Finished in state Failed") and "\\n" in text:
            record.msg, record.args = text.split("\\n", 1)[0] + " …", ()
        return True


def plain_logs() -> None:
    """Put the filter on Prefect's run loggers."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, _PlainErrors) for one in logger.filters):
            logger.addFilter(_PlainErrors())
