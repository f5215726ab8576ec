"""`realign plan`: what labels would cost, which needs the candidate pairs and so the stages that make them."""

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import interrupt, output, project
from flows.cli_labels import Json, Labeler
from realign.errors import UserError
from realign.pipeline.table import STAGES

if TYPE_CHECKING:
    from realign.config.params import Params

_UNTIL = "rewards"


def plan(
    labeler: Labeler = None,
    probe: Annotated[
        int, typer.Option(help="Label this many pairs first, to measure the tokens they take.")
    ] = 0,
    json: Json = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run the stages that it needs without asking.")] = False,
) -> None:
    """Estimate the cost of a run for each strategy: calls, tokens, money, minutes of machine and people.

    It needs the candidate pairs, so stages up to rewards that are stale are run first. Nothing is bought but a probe.
    """
    output.check({"--json": (json, ".json")})
    interrupt.install()
    root = project.find()
    params = project.check(root)
    from flows import dvc_cli, labels, server
    from realign.experiments import plan as planning
    from realign.store import artifacts

    stages = needed(set(dvc_cli.status(root)))
    if stages and not yes:
        confirm(work(root, params, stages))
    with project.locked(root), server.ready():
        from flows.align import align
        from flows.waiting import result

        result(align(root=str(root), until=_UNTIL, return_state=True))
    with labels.kept(root, output.say):
        costs = planning.run(root, params, labeler, probe)
    columns = {name: "left" if name == "strategy" else "right" for name in costs["columns"]}
    rows = [[planning.cell(row[name]) for name in columns] for row in costs["strategies"]]
    output.show("Cost of each strategy", columns, rows)
    for note in costs["notes"]:
        output.say(note)
    if json is not None:
        artifacts.write_json(json, costs)


def needed(stale: set[str]) -> list[str]:
    """The stages that a plan has to run: from the first stale one on."""
    stages = STAGES[: STAGES.index(_UNTIL) + 1]
    first = min((stages.index(name) for name in stages if name in stale), default=len(stages))
    return list(stages[first:])


def work(root: Path, params: "Params", stages: list[str]) -> str:
    """What these stages do, and how long they take as far as this machine has done it before."""
    from realign.store.work import WORK

    base, generate = params.base, params.generate
    steps = base.sft.steps + (base.pretrain.steps if base.source == "build" else 0)
    model = "builds a model" if base.source == "build" else f"loads {base.model.name}"
    what = {
        "base": model + (f" and trains it for {steps} steps" if steps else ""),
        "generate": f"samples {generate.k} responses to each prompt" if generate.mode == "sample" else "",
    }
    does = [f"{stage} {what[stage]}" for stage in stages if what.get(stage)]
    records = [root / WORK / "provenance" / f"{stage}.json" for stage in stages]
    if all(record.is_file() for record in records):
        seconds = sum(jsonlib.loads(record.read_text(encoding="utf-8"))["seconds"] for record in records)
        time = f"They took {seconds / 60:.1f} minutes here the last time."
    else:
        time = "How long has not been measured here yet: the demo takes about 4 minutes on two cores."
    return (
        f"A plan needs the candidate pairs: {', '.join(stages)} are not up to date"
        + (f" ({'; '.join(does)})" if does else "")
        + f". {time} Nothing is bought."
    )


def confirm(what: str) -> None:
    """Ask whether to go on.

    Raises:
        UserError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UserError(f"{what} Run them with: realign plan --yes", code="plan.not_confirmed")
    output.say(what, wrap=True)
    typer.confirm("Run them now?", abort=True)
