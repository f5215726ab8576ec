"""Commands about labels: the page for people, votes in and out, the ledger, the judge's check, the plan."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows import interrupt, output, project
from realign.errors import UserError, listing

ledger_app = typer.Typer(help="Every verdict ever paid for: counted, shared, checked.", no_args_is_help=True)
votes_app = typer.Typer(
    help="People's votes and pairs, in and out of the field's formats.", no_args_is_help=True
)
_console = Console()

Labeler = Annotated[
    str | None, typer.Option(help="Another labeler than params.yaml names; nothing is written there.")
]
Json = Annotated[Path | None, typer.Option(help="Write the figures here too.")]


def label(
    people: Annotated[str, typer.Option(help="Names of those who vote, with commas between.")],
    lead: Annotated[str, typer.Option(help="Name of who sees the overview.")] = "lead",
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback are reachable.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
) -> None:
    """Serve the page on which people vote; one unguessable link each. Ends with Ctrl-C, loses nothing."""
    root = project.find()
    settings = project.check(root)
    from flows import labels
    from realign.evaluation.intervals import Resampling
    from realign.labelers.human.page.serve import serve

    labels.queue(root)
    how = Resampling(settings.evaluate.resamples, settings.evaluate.confidence, settings.seed)
    names = [name.strip() for name in people.split(",") if name.strip()]
    serve(
        labels.work(root).queue().parent,
        settings.label.people,
        host,
        port,
        names,
        lead,
        how,
        _say,
        partial(labels.resume_if_served, _say),
    )


@votes_app.command("export")
def votes_export(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    to: Annotated[str, typer.Option(help="label-studio, jsonl or csv.")],
) -> None:
    """Write the pairs that people are asked about, with the votes so far."""
    from flows import labels

    count = labels.export_votes(project.find(), path, to)
    _console.print(f"{count} pairs written to {path}", highlight=False)


@votes_app.command("import")
def votes_import(
    path: Annotated[Path, typer.Argument(help="What label-studio, jsonl or csv export wrote, with votes.")],
) -> None:
    """Take votes that were given elsewhere; they become a batch that DVC versions."""
    from flows import labels

    count = labels.import_votes(project.find(), path, _say)
    _console.print(f"{count} new votes; commit data/labels/people, then: realign run", highlight=False)


@ledger_app.command("stats")
def ledger_stats() -> None:
    """What was bought: verdicts, outcomes, calls, tokens, money, by labeler."""
    from flows import labels

    table = Table("labeler", "annotator", *_COUNTED, title="Ledger", title_justify="left")
    for row in labels.ledger_stats(project.find()).to_dict("records"):
        table.add_row(
            str(row["labeler"]), str(row["annotator"]), *(f"{row[column]:g}" for column in _COUNTED)
        )
    _console.print(table)


_COUNTED = ("verdicts", "tied", "both_bad", "abstained", "calls", "tokens_in", "tokens_out", "price")


@ledger_app.command("export")
def ledger_export() -> None:
    """Write verdicts that no batch holds as a batch that DVC versions."""
    from flows import labels

    root = project.find()
    path = labels.export(root, _say)
    if path is None:
        _console.print("nothing new: every verdict is in a batch already")
    else:
        _console.print(
            f"{path.relative_to(root)}; commit its .dvc pointer, then: realign push", highlight=False
        )


@ledger_app.command("merge")
def ledger_merge() -> None:
    """Take the batches under data/labels/ledger into this workspace's ledger (the label stage does so too)."""
    from flows import labels

    _console.print(f"{labels.merge(project.find())} verdicts are new to this workspace", highlight=False)


@ledger_app.command("verify")
def ledger_verify() -> None:
    """Check names, keys, outcomes and probabilities of every batch and of the ledger."""
    from flows import labels

    problems = labels.verify(project.find())
    if problems:
        raise UserError(listing(f"the ledger has {len(problems)} fault(s):", problems))
    _console.print("sound: every name, key, outcome and probability is right")


def judge_check(
    data: Annotated[Path, typer.Argument(help="JSON lines {prompt, response_a, response_b, label}.")],
    labeler: Labeler = None,
    json: Json = None,
) -> None:
    """Measure a labeler on pairs whose answer is known: accuracy, consistency, biases, calibration."""
    output.check({"--json": (json, ".json")}, never=data)
    root = project.find()
    settings = project.check(root)
    from realign.experiments import judge_check as checking
    from realign.store import artifacts

    found = checking.run(root, settings, data, labeler)
    for line in checking.lines(found):
        _say(line)
    if json is not None:
        artifacts.write_json(json, found)


def plan(
    labeler: Labeler = None,
    probe: Annotated[int, typer.Option(help="Buy so many pairs first, to know what tokens they take.")] = 0,
    json: Json = None,
) -> None:
    """Price a run before it starts, per strategy: calls, tokens, money, machine and people's minutes."""
    output.check({"--json": (json, ".json")})
    interrupt.install()
    root = project.find()
    settings = project.check(root)
    from flows.align import align
    from realign.experiments import plan as planning
    from realign.store import artifacts

    align(root=str(root), until="rewards")
    found = planning.run(root, settings, labeler, probe)
    table = Table(title="What each strategy would cost", title_justify="left")
    for name in found["columns"]:
        table.add_column(name, justify="left" if name == "strategy" else "right")
    for row in found["strategies"]:
        table.add_row(*(planning.cell(row[name]) for name in found["columns"]))
    _console.print(table)
    for note in found["notes"]:
        _say(note)
    if json is not None:
        artifacts.write_json(json, found)


def _say(line: str) -> None:
    _console.print(line, highlight=False, markup=False, soft_wrap=True)
