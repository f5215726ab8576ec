"""The retraining flow: every stage in order, then the results, the report, and a check that nothing is stale."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.runtime import deployment, flow_run

from flows import damage, dvc_cli, held_params, labels, own_code, project, results
from flows.stage_task import plain_logs, run_stage
from flows.waiting import wait
from realign.errors import LabelsMissing, UserError
from realign.pipeline.table import CODE, STAGES

plain_logs()

_LABELING = ("pilot", "label")


def _name() -> str:
    until = flow_run.parameters.get("until") or STAGES[-1]
    return f"align to {until}"


@flow(name="align", flow_run_name=_name, log_prints=False, persist_result=False)
def align(
    root: str = ".", start: str | None = None, until: str | None = None, ask_again: bool = False
) -> Any:
    """Bring the pipeline up to date.

    Args:
        root: the project's folder.
        start: first stage; all stages before it must be up to date.
        until: stop after this stage.
        ask_again: ask again for a judge's answers that could not be read, though nothing else has changed.

    Returns:
        The outcome of each stage, or the state of waiting for people.
    """
    folder = Path(root).resolve()
    logger = get_run_logger()
    try:
        with project.locked(folder), labels.kept(folder, logger.info):
            done = bring_up_to_date(folder, start, until, _LABELING if ask_again else ())
            own_code.remember(folder)
    except LabelsMissing as missing:
        return wait(folder, missing)
    except UserError as error:
        if deployment.id:  # else the command says it when it ends
            logger.error("%s", error)
        raise
    if (until or STAGES[-1]) == STAGES[-1]:
        _publish(folder)
    logger.info("done: %s", ", ".join(f"{name} {what}" for name, what in done.items()))
    return done


def bring_up_to_date(
    folder: Path, start: str | None, until: str | None, forced: Sequence[str] = ()
) -> dict[str, str]:
    """Run the stale ones of these stages, and the forced ones, in order; the caller must hold the lock of the workspace.

    Returns:
        The outcome of each stage: 'ran' or 'up to date'.

    Raises:
        UserError: a stage failed; the message names the fix.
    """
    project.check(folder)
    labels.collect(folder, get_run_logger().info)
    shutil.rmtree(folder / "reports" / "failures", ignore_errors=True)  # of an earlier run
    stages = _chosen(start, until)
    forced = [name for name in forced if name in stages]
    damage.repair(folder, get_run_logger().warning)
    stale = _stale(folder)
    if CODE in stale:  # which stages an edit of the source makes stale is known once the imports are measured
        run_stage(folder, CODE, fresh=False)
        stale = _stale(folder)
    first = min((STAGES.index(name) for name in (*stale, *forced) if name in STAGES), default=len(STAGES))
    if first < STAGES.index(stages[0]):
        raise UserError(
            f"{STAGES[first]} is stale and comes before {start}: run without --from, or from {STAGES[first]}",
            code="run.stale_above",
        )
    done = {
        name: run_stage(folder, name, fresh=STAGES.index(name) < first, force=name in forced)
        for name in stages
    }
    if damage.repair(folder, get_run_logger().warning):  # DVC takes from its cache what it has made before
        raise UserError(
            "DVC's cache gave damaged files to this run; they are removed, and the same command makes them again",
            code="artifact.damaged",
        )
    left = {} if not stale else {name: why for name, why in _stale(folder).items() if name in stages}
    if left:
        raise UserError(
            f"stages are still stale after the run, which is a bug: {left}", code="run.still_stale"
        )
    return done


def _stale(folder: Path) -> dict[str, list[Any]]:
    return held_params.steady(folder, lambda: dvc_cli.status(folder))


def _chosen(start: str | None, until: str | None) -> tuple[str, ...]:
    for name in filter(None, (start, until)):
        if name not in STAGES:
            raise UserError(
                f"there is no stage {name!r}; the stages are {', '.join(STAGES)}", code="run.unknown_stage"
            )
    first, last = STAGES.index(start or STAGES[0]), STAGES.index(until or STAGES[-1])
    if first > last:
        raise UserError(
            f"--from {start} comes after --until {until}; the order is {', '.join(STAGES)}",
            code="run.stage_order",
        )
    return STAGES[first : last + 1]


def _publish(folder: Path) -> None:
    rows: list[dict[str, Any]] = results.rows(results.load(folder))
    create_table_artifact(key="results", table=rows, description="Held-out figures with their intervals")
    create_link_artifact(
        key="report", link=(folder / results.REPORT).as_uri(), link_text="The report of this run"
    )
