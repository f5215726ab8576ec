"""Commands about labels: the page for people, exchange of votes, the ledger, judge-check, plan."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from flows import output, project
from realign.errors import UserError, listing

ledger_app = typer.Typer(help="The labels ever paid for: count, share and check them.", no_args_is_help=True)
votes_app = typer.Typer(help="Export and import people's votes.", no_args_is_help=True)

Labeler = Annotated[
    str | None, typer.Option(help="Labeler to use instead of the one in params.yaml, which stays as it is.")
]
AskAgain = Annotated[
    bool, typer.Option("--ask-again", help="Ask again for a judge's answers that could not be read.")
]
Json = Annotated[Path | None, typer.Option(help="Also write the figures to this file.")]


def label(
    people: Annotated[str, typer.Option(help="Comma-separated names of the people who vote.")],
    lead: Annotated[str, typer.Option(help="Name of the person who may see the overview.")] = "lead",
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback is reachable from outside.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8765,
) -> None:
    """Serve the page on which people vote, with a private link for each. Stop it with Ctrl-C; no vote is lost."""
    root = project.find()
    settings = project.check(root)
    from flows import labels, waiting
    from realign.evaluation.intervals import Resampling
    from realign.labelers.human.page.serve import serve

    labels.queue(root)
    how = Resampling(settings.evaluate.resamples, settings.evaluate.confidence, settings.seed)
    serve(
        labels.work(root).local(),
        settings.label.people,
        host,
        port,
        output.names(people) or (),
        lead,
        how,
        output.say,
        partial(waiting.resume_if_served, root, output.say),
    )
    try:
        with project.locked(root):  # a stage at work must not be given votes that it did not read
            labels.keep(root, output.say)
    except UserError as error:
        if error.code != "project.locked":
            raise
        output.say("a run is under way; the next one takes the votes in")


@votes_app.command("export")
def votes_export(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    to: Annotated[str, typer.Option(help="label-studio, jsonl or csv.")],
) -> None:
    """Write the queue of pairs for people, with the votes so far."""
    from flows import labels

    root = project.find()
    with project.locked(root):
        count = labels.export_votes(root, path, to)
    output.say(f"{count} pairs written to {path}")


@votes_app.command("import")
def votes_import(
    path: Annotated[Path, typer.Argument(help="A label-studio, jsonl or csv file with votes.")],
) -> None:
    """Import votes that were given elsewhere, as a batch that DVC versions."""
    from flows import labels

    root = project.find()
    with project.locked(root):
        count = labels.import_votes(root, path, output.say)
    output.say(
        f"{count} new or changed votes" + ("; commit data/labels/people, then: realign run" if count else "")
    )


@ledger_app.command("stats")
def ledger_stats() -> None:
    """Count labels, calls, tokens and money by labeler."""
    from flows import labels

    rows = [
        [str(row["labeler"]), str(row["annotator"]), *(f"{row[column]:g}" for column in _COUNTED)]
        for row in labels.ledger_stats(project.find()).to_dict("records")
    ]
    output.show(
        "Ledger", dict.fromkeys(("labeler", "annotator"), "left") | dict.fromkeys(_COUNTED, "right"), rows
    )


_COUNTED = ("labels", "tied", "both_bad", "abstained", "calls", "tokens_in", "tokens_out", "price")


@ledger_app.command("show")
def ledger_show(pair: Annotated[str, typer.Argument(help="The id of a pair.")]) -> None:
    """Show what the ledger holds of a pair: its labels, and the raw answer of every paid call."""
    from flows import labels

    for line in labels.shown(project.find(), pair):
        output.say(line)


@ledger_app.command("export")
def ledger_export() -> None:
    """Write the labels that no batch holds yet as a new batch that DVC versions."""
    from flows import labels

    root = project.find()
    path = labels.export(root, output.say)
    if path is None:
        output.say("nothing new: every label is in a batch already")
    else:
        output.say(f"{path.relative_to(root)}; commit its .dvc pointer, then: realign push")


@ledger_app.command("merge")
def ledger_merge() -> None:
    """Merge the batches under data/labels/ledger into this workspace's ledger (as the label stage does)."""
    from flows import labels

    output.say(f"{labels.merge(project.find())} labels are new to this workspace")


@ledger_app.command("salvage")
def ledger_salvage() -> None:
    """Make a damaged ledger anew of what can be read in it and of the batches; the damaged file stays beside it."""
    from flows import labels

    saved = labels.salvage(project.find())
    for path, rows in saved.items():
        output.say(f"{path}: {rows} rows could be read; the damaged file is {path.name}.damaged, beside it")
    output.say("the batches are taken in again" if saved else "nothing is damaged")


@ledger_app.command("verify")
def ledger_verify() -> None:
    """Check the names, keys, labels and probabilities of the ledger and of every batch."""
    from flows import labels

    problems = labels.verify(project.find())
    if problems:
        raise UserError(listing(f"the ledger has {len(problems)} error(s):", problems), code="ledger.unsound")
    output.say("sound: every name, key, label and probability is right")


def judge_check(
    data: Annotated[Path, typer.Argument(help="JSON lines {prompt, response_a, response_b, label}.")],
    labeler: Labeler = None,
    ask_again: AskAgain = False,
    json: Json = None,
) -> None:
    """Measure a labeler on pairs whose answer is known: accuracy, consistency, biases, calibration."""
    output.check({"--json": (json, ".json")}, never=data)
    root = project.find()
    settings = project.check(root)
    from flows import labels
    from realign.experiments import judge_check as checking
    from realign.store import artifacts

    with labels.kept(root, output.say):
        figures = checking.run(root, settings, data, labeler, ask_again)
    for line in checking.lines(figures):
        output.say(line)
    if json is not None:
        artifacts.write_json(json, figures)
