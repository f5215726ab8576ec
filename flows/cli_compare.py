"""`realign compare`: which strategy's pairs train the better model, for the same number of labels."""

from typing import Annotated, Any

import typer

from flows import interrupt, output, project


def compare(
    strategies: Annotated[str | None, typer.Option(help="Comma-separated names.")] = None,
    budgets: Annotated[str | None, typer.Option(help="Comma-separated numbers of labels.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each arm.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Arms side by side; one a core by default.")] = None,
) -> None:
    """Train on each strategy's pairs at equal budgets, and report which is best and by how much.

    Strategies, budgets and seeds that are given are written into section compare of params.yaml; the others are
    as they stand there. Arms that are up to date are not run again.
    """
    interrupt.install()
    root = project.find()
    from flows import server, settings
    from realign.store import artifacts

    listed = {"strategies": strategies, "budgets": budgets}
    assignments = [f"compare.{key}=[{names}]" for key, names in listed.items() if names]
    assignments += [f"compare.seeds={list(range(1, seeds + 1))}"] if seeds else []

    def write() -> None:
        settings.write(root, None, assignments, lambda params: project.check_comparison(root, params))

    with project.locked(root, write), server.ready():
        from flows import compare as experiment

        done = experiment.compare(root, jobs or _cores())
    arms = [what for name, what in done.items() if name.startswith("arm")]
    show(artifacts.read_json(root / artifacts.ARTIFACTS["comparison"].path))
    output.say(f"\narms trained: {arms.count('ran')} of {len(arms)}")
    output.say(f"page: {root / experiment.PAGE}")


def show(result: dict[str, Any]) -> None:
    """Print the primary figure of every strategy at every budget, and the conclusion."""
    from realign.experiments.compare.metrics import METRICS, PRIMARY

    columns = {"strategy": "left"} | {f"{budget} labels": "right" for budget in result["budgets"]}
    figures = {(arm["strategy"], arm["budget"]): arm["figures"][PRIMARY] for arm in result["arms"]}
    rows = [
        [name, *(output.cell(figures[name, budget]) for budget in result["budgets"])]
        for name in result["strategies"]
    ]
    output.show(f"{METRICS[PRIMARY].title}, mean of {len(result['seeds'])} seeds", columns, rows)
    output.say(
        f"held-out pairs: {result['pairs']}; brackets are {100 * result['confidence']:g} % intervals over prompts and "
        f"seeds; the baseline is {result['baseline']}",
        wrap=True,
    )
    for sentence in result["conclusion"]["sentences"]:
        output.say(f"\n{sentence}", wrap=True)


def _cores() -> int:
    """Number of arms that the cores can run in parallel, each with its threads."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("OMP_NUM_THREADS", "1")))
