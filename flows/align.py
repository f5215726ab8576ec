"""The retraining flow: every stage in order, then a table, the report, and proof that all is clean."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.runtime import flow_run

from flows import dvc_cli, labels, plain_logs, project, results
from flows.stage_task import run_stage
from realign.errors import LabelsMissing, UserError
from realign.pipeline.table import CODE, STAGES

plain_logs.install()


def _name() -> str:
    until = flow_run.parameters.get("until") or STAGES[-1]
    return f"align to {until}"


@flow(name="align", flow_run_name=_name, log_prints=False, persist_result=False)
def align(root: str = ".", start: str | None = None, until: str | None = None) -> dict[str, str]:
    """Bring the pipeline up to date.

    Args:
        root: the project's folder.
        start: begin at this stage; all above it must be up to date.
        until: stop after this stage.

    Returns:
        What happened to each stage: 'ran' or 'up to date'.

    Raises:
        UserError: a stage cannot go on; its words name the mend.
    """
    folder = Path(root).resolve()
    logger = get_run_logger()
    try:
        with project.locked(folder):
            done = bring_up_to_date(folder, start, until)
    except LabelsMissing as missing:
        labels.wait_for_people(missing)
        raise
    if (until or STAGES[-1]) == STAGES[-1]:
        _publish(folder)
    logger.info("done: %s", ", ".join(f"{name} {what}" for name, what in done.items()))
    return done


def bring_up_to_date(folder: Path, start: str | None, until: str | None) -> dict[str, str]:
    """Run what is stale of these stages, in order; whoever calls holds the workspace.

    Returns:
        What happened to each stage: 'ran' or 'up to date'.

    Raises:
        UserError: a stage cannot go on; its words name the mend.
    """
    project.check(folder)
    labels.collect(folder, get_run_logger().info)
    shutil.rmtree(folder / "reports" / "failures", ignore_errors=True)  # of an earlier run
    stages = _chosen(start, until)
    stale = dvc_cli.status(folder)
    if CODE in stale:  # which stages an edit of the source makes stale is known once the imports are measured
        run_stage(folder, CODE, fresh=False)
        stale = dvc_cli.status(folder)
    first = min((STAGES.index(name) for name in stale if name in STAGES), default=len(STAGES))
    if first < STAGES.index(stages[0]):
        raise UserError(
            f"{STAGES[first]} is stale and stands above {start}: run without --from, or from {STAGES[first]}"
        )
    done = {name: run_stage(folder, name, fresh=STAGES.index(name) < first) for name in stages}
    left = {} if not stale else {name: why for name, why in dvc_cli.status(folder).items() if name in stages}
    if left:
        raise UserError(f"DVC holds these stages for stale after the run, which is a bug: {left}")
    return done


def _chosen(start: str | None, until: str | None) -> tuple[str, ...]:
    for name in filter(None, (start, until)):
        if name not in STAGES:
            raise UserError(f"there is no stage {name!r}; the stages are {', '.join(STAGES)}")
    first, last = STAGES.index(start or STAGES[0]), STAGES.index(until or STAGES[-1])
    if first > last:
        raise UserError(f"--from {start} comes after --until {until}; the order is {', '.join(STAGES)}")
    return STAGES[first : last + 1]


def _publish(folder: Path) -> None:
    rows: list[dict[str, Any]] = results.rows(results.load(folder))
    create_table_artifact(key="results", table=rows, description="Held-out figures with their intervals")
    create_link_artifact(
        key="report", link=(folder / results.REPORT).as_uri(), link_text="The report of this run"
    )
