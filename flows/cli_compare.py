"""`realign compare`: which strategy's pairs train the better model, for the same number of labels."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from flows import interrupt, project

_console = Console()


def compare(
    strategies: Annotated[str | None, typer.Option(help="Names, with commas; as in params.yaml.")] = None,
    budgets: Annotated[str | None, typer.Option(help="Labels that each arm buys, with commas.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How often each arm is trained anew.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Arms that run side by side; as many as there are cores.")
    ] = None,
) -> None:
    """Train with the pairs of each strategy at equal budgets and say which is best, and by how much.

    What is named here is written into params.yaml, section compare. Arms that are up to date are not run again.
    """
    interrupt.install()
    root = project.find()
    from flows import settings

    listed = {"strategies": strategies, "budgets": budgets}
    assignments = [f"compare.{key}=[{names}]" for key, names in listed.items() if names]
    assignments += [f"compare.seeds={list(range(1, seeds + 1))}"] if seeds else []
    settings.write(root, None, assignments, lambda outcome: project.check_comparison(root, outcome))
    from flows import compare as experiment
    from realign.store import artifacts
    from realign.store.artifacts import ARTIFACTS

    done = experiment.compare(root, jobs or _cores())
    arms = [what for name, what in done.items() if name.startswith("arm")]
    show(artifacts.read_json(root / ARTIFACTS["comparison"].path))
    _console.print(f"\narms trained: {arms.count('ran')} of {len(arms)}", highlight=False)
    _console.print(f"page: {root / experiment.PAGE}", highlight=False, soft_wrap=True)


def show(found: dict[str, Any]) -> None:
    """Print the primary figure of every strategy at every budget, and the verdict."""
    from realign.experiments.compare.metrics import METRICS, PRIMARY

    table = Table(
        title=f"{METRICS[PRIMARY].title}, mean of {len(found['seeds'])} seeds", title_justify="left"
    )
    table.add_column("strategy")
    for budget in found["budgets"]:
        table.add_column(f"{budget} labels", justify="right")
    figures = {(arm["strategy"], arm["budget"]): arm["figures"][PRIMARY] for arm in found["arms"]}
    for name in found["strategies"]:
        table.add_row(name, *(_cell(figures[name, budget]) for budget in found["budgets"]))
    _console.print(table)
    _console.print(
        f"held-out pairs: {found['pairs']}; brackets are {100 * found['confidence']:g} % intervals over prompts and "
        f"seeds; held against {found['baseline']}",
        highlight=False,
    )
    for sentence in found["verdict"]["sentences"]:
        _console.print(f"\n{sentence}", highlight=False)


def _cell(figure: dict[str, Any] | None) -> str:
    return "" if figure is None else f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _cores() -> int:
    """Arms that the cores can serve, each with its threads."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("OMP_NUM_THREADS", "1")))
