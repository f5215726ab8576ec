"""The equal-budget experiment: the arms side by side, each a DVC stage of its own, then the conclusion."""

import shutil
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from flows import align, dvc_cli, held_params, labels, project
from flows.dvc_cli import EXPERIMENT, target
from flows.stage_task import plain_logs, repro, run_stage
from flows.waiting import result, wait
from realign.config.params import Arm
from realign.errors import LabelsMissing, UserError, listing
from realign.pipeline.runner import called
from realign.store.artifacts import ARTIFACTS

PAGE = ARTIFACTS["comparison_page"].path

plain_logs()


def compare(root: Path, jobs: int) -> dict[str, str]:
    """Bring the experiment of section `compare` in params.yaml up to date.

    Args:
        root: the project.
        jobs: arms that run in parallel.

    Returns:
        What happened to each stage and arm: 'ran' or 'up to date'.

    Raises:
        UserError: a stage failed; the message names the fix.
    """
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=jobs)
    parallel = experiment.with_options(task_runner=runner)  # type: ignore[arg-type]  # the type of task_runner is invariant
    done: dict[str, str] = result(parallel(root=str(root), jobs=jobs, return_state=True))
    return done


@flow(name="compare", log_prints=False, persist_result=False)
def experiment(root: str = ".", jobs: int = 1) -> Any:
    """The flow behind `compare`; `jobs` is the number of workers of its task runner."""
    folder = Path(root).resolve()
    try:
        with project.locked(folder), labels.kept(folder, get_run_logger().info):
            settings = project.check(folder)
            project.check_comparison(folder, settings)
            align.bring_up_to_date(folder, None, "rewards")
            shutil.copyfile((folder / EXPERIMENT).with_name("pipeline.yaml"), folder / EXPERIMENT)
            done = _bring_up_to_date(folder, settings.compare.arms(), jobs)
    except LabelsMissing as missing:
        return wait(folder, missing)
    except BaseException:
        dvc_cli.stop_all()
        raise
    create_link_artifact(key="comparison", link=(folder / PAGE).as_uri(), link_text="The comparison's page")
    return done


def _bring_up_to_date(folder: Path, arms: list[Arm], jobs: int) -> dict[str, str]:
    stale = _stale(folder)
    above = ("picks", "reference")
    done = {name: _run(folder, name, stale) for name in above}
    if stale & {target(name) for name in above}:
        stale = _stale(folder)
    done |= _train(folder, arms, stale, jobs)
    if "ran" in done.values():
        stale = _stale(folder)
    done["summary"] = _run(folder, "summary", stale)
    left = _stale(folder) if stale else set()
    if left:
        raise UserError(
            f"stages are still stale after the run, which is a bug: {sorted(left)}", code="run.still_stale"
        )
    return done


def _train(folder: Path, arms: list[Arm], stale: set[str], jobs: int) -> dict[str, str]:
    """Train every stale arm."""
    logger = get_run_logger()
    todo = {arm: target("arm", arm) for arm in arms if target("arm", arm) in stale}
    logger.info("training %d of %d arms, %d at a time", len(todo), len(arms), jobs)
    running = {
        arm: repro.submit(folder, called("arm", arm), fresh=False, target=name, quiet=True)
        for arm, name in todo.items()
    }
    endings = {arm: future.result(raise_on_failure=False) for arm, future in running.items()}
    failed = [ending for ending in endings.values() if isinstance(ending, BaseException)]
    if failed:
        raise UserError(
            listing(
                f"{len(failed)} of {len(todo)} arms failed; the same command runs them again:",
                [str(failure) for failure in failed],
            ),
            code="run.arms_failed",
        )
    return {called("arm", arm): endings.get(arm, "up to date") for arm in arms}


def _run(folder: Path, name: str, stale: set[str]) -> str:
    outcome: str = run_stage(folder, name, fresh=target(name) not in stale, target=target(name))
    return outcome


def _stale(folder: Path) -> set[str]:
    stale = held_params.steady(folder, lambda: dvc_cli.status(folder, EXPERIMENT))
    return {name for name in stale if name.startswith(EXPERIMENT)}
