"""The command `realign`. Heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import cli_compare, cli_labels, cli_replay, interrupt, project
from realign.config import environment
from realign.errors import UserError

app = typer.Typer(
    name="realign",
    help="Find out which response pairs are worth a label, and align a model on them, reproducibly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("plan")(cli_labels.plan)
app.command("compare")(cli_compare.compare)
app.command("replay")(cli_replay.replay)
app.command("label")(cli_labels.label)
app.command("judge-check")(cli_labels.judge_check)
app.add_typer(cli_labels.ledger_app, name="ledger")
app.add_typer(cli_labels.votes_app, name="votes")
_console = Console()

Profile = Annotated[str | None, typer.Option(help="Values of profiles/NAME.yaml, written into params.yaml.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One value, written into params.yaml."),
]


@app.command()
def run(
    profile: Profile = None,
    set_: Assignments = None,
    start: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Begin at this stage.")] = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
) -> None:
    """Run the pipeline: only stages that are stale, under Prefect, ending with the result table."""
    interrupt.install()
    root = project.find()
    from flows import settings

    settings.write(root, profile, set_ or [])
    project.check(root)
    from flows.align import align

    done = align(root=str(root), start=start, until=until)
    ran = [name for name, what in done.items() if what == "ran"]
    _console.print(f"\nran: {', '.join(ran) or 'nothing, all is up to date'}", highlight=False)
    if "report" in done:
        from flows import results

        results.show(root, _console)


@app.command()
def status() -> None:
    """Which stages are stale and why, and what is missing."""
    from flows import dvc_cli, status_words

    root = project.find()
    project.check(root)
    stale = dvc_cli.status(root)
    for line in status_words.lines(stale, root):
        _console.print(line, highlight=False, markup=False)


@app.command()
def doctor() -> None:
    """Check Python, packages, git, DVC, disk, and that a Prefect server can start."""
    from flows import health

    bad = 0
    for check in health.checks(Path.cwd()):
        bad += not check.ok
        _console.print(
            f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.found}",
            highlight=False,
            markup=False,
        )
        if not check.ok:
            _console.print(f"     mend: {check.mend}", highlight=False, markup=False)
    raise typer.Exit(1 if bad else 0)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    to: Annotated[str, typer.Option(help="trl, jsonl or alpaca-eval.")],
) -> None:
    """Write preferences (trl, jsonl) or held-out generations (alpaca-eval) in the field's formats."""
    from realign.data import export as exporting

    count = exporting.write(project.find(), to, path)
    _console.print(f"{count} rows written to {path}", highlight=False)


@app.command()
def push() -> None:
    """Send data and models to the DVC remote, so that a clone of this commit can pull them."""
    from flows import dvc_cli

    root = project.find()
    dvc_cli.remote(root)
    if dvc_cli.run(root, "push", "--run-cache", say=_say):
        raise UserError(
            "dvc push failed; its own words stand above. Run realign push again: it goes on from there"
        )
    _console.print("pushed; commit dvc.lock and reports/metrics.json, so that a clone knows what to pull")


@app.command()
def pull() -> None:
    """Fetch the data and models of this commit from the DVC remote."""
    from flows import dvc_cli, experiment

    root = project.find()
    dvc_cli.remote(root)
    targets = [*dvc_cli.own(root), *experiment.finished(root)]
    if dvc_cli.run(root, "pull", "--run-cache", *targets, say=_say):
        raise UserError("dvc pull failed; its own words stand above. Was everything pushed (realign push)?")
    _console.print("pulled; realign status says what is left to run")


@app.command()
def serve(
    cron: Annotated[str, typer.Option(help="When to run, five fields, e.g. '0 3 * * 1'.")],
    timezone: Annotated[str, typer.Option(help="Name of the time zone of --cron.")] = "UTC",
) -> None:
    """Run the flow on a schedule, in this one process, against a Prefect server."""
    from flows import schedule

    schedule.serve(project.find(), cron, timezone)


def _say(line: str) -> None:
    _console.print(line, highlight=False, markup=False)


def main() -> None:
    """Run the command; what a person can mend is said without a traceback."""
    environment.settle(hub=True)  # whether the hub may be asked is for each stage to say
    try:
        app()
    except UserError as error:
        interrupt.wait_if_leaving()
        print(f"\nrealign: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(interrupt.WORDS, file=sys.stderr)
        sys.exit(interrupt.STATUS)
    finally:
        interrupt.wait_if_leaving()


if __name__ == "__main__":
    main()
