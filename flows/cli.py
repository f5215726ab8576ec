"""The command `realign`. Heavy libraries are imported by the command that needs them."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows import cli_compare, cli_labels, cli_plan, cli_replay, interrupt, output, project
from realign.config import environment
from realign.errors import UserError, of_disk
from realign.redact import of_environment, redact

app = typer.Typer(
    name="realign",
    help="Find out which response pairs are worth a label, and align a model on them, reproducibly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("plan")(cli_plan.plan)
app.command("compare")(cli_compare.compare)
app.command("replay")(cli_replay.replay)
app.command("label")(cli_labels.label)
app.command("judge-check")(cli_labels.judge_check)
app.add_typer(cli_labels.ledger_app, name="ledger")
app.add_typer(cli_labels.votes_app, name="votes")

_EXIT_SECONDS = 30

Profile = Annotated[str | None, typer.Option(help="Write the values of profiles/NAME.yaml into params.yaml.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Write one value into params.yaml; may be repeated."
    ),
]


@app.command()
def run(
    profile: Profile = None,
    set_: Assignments = None,
    start: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Start at this stage.")] = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
    ask_again: cli_labels.AskAgain = False,
) -> None:
    """Run the stale stages of the pipeline under Prefect, and print the results."""
    interrupt.install()
    root = project.find()
    from flows import server, settings

    with project.locked(root, lambda: settings.write(root, profile, set_ or [])):
        checked = project.check(root)
        if ask_again:
            from flows import labels

            output.say(f"{labels.ask_again(root, checked)} pairs are asked about again")
        with server.ready():
            from flows.align import align
            from flows.waiting import result

            done = result(
                align(root=str(root), start=start, until=until, ask_again=ask_again, return_state=True)
            )
        ran = [name for name, what in done.items() if what == "ran"]
        output.say(f"\nran: {', '.join(ran) or 'nothing, everything is up to date'}")
        if "report" in done:
            from flows import results

            results.show(root)


@app.command()
def status() -> None:
    """Show which stages are stale and why, what is missing, and which strategy files are new since the last run."""
    from flows import dvc_cli, own_code
    from flows import status as stages

    root = project.find()
    for name in own_code.new(root):
        output.say(f"{name}: new since the last run; commands that load strategies execute it")
    project.check(root)
    if stages.nothing_yet(root):
        output.say(stages.NOTHING)
        return
    stale = dvc_cli.status(root)
    for line in stages.lines(stale, root):
        output.say(line)


@app.command()
def doctor() -> None:
    """Check Python, packages, git, DVC, disk space, and that a Prefect server can start."""
    from flows import health

    bad = 0
    for check in health.checks(Path.cwd()):
        bad += not check.ok
        output.say(f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.result}")
        if not check.ok:
            output.say(f"     fix: {check.fix}")
    raise typer.Exit(1 if bad else 0)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")],
    to: Annotated[str, typer.Option(help="trl, jsonl or alpaca-eval.")],
) -> None:
    """Export preferences (trl, jsonl) or held-out generations (alpaca-eval)."""
    from realign.data import export as exporting

    count = exporting.write(project.find(), to, path)
    output.say(f"{count} rows written to {path}")


@app.command()
def push() -> None:
    """Send data and models to the DVC remote, so that a clone of this commit can pull them."""
    from flows import dvc_cli

    root = project.find()
    dvc_cli.remote(root)
    if dvc_cli.run(root, "push", "--run-cache", say=output.say):
        raise UserError(
            "dvc push failed; see its output above. Run realign push again: it continues from there",
            code="dvc.push_failed",
        )
    output.say("pushed; commit dvc.lock and reports/metrics.json, so that a clone knows what to pull")


@app.command()
def pull() -> None:
    """Fetch the data and models of this commit from the DVC remote."""
    from flows import damage, dvc_cli

    root = project.find()
    dvc_cli.remote(root)
    targets = [*dvc_cli.own(root), *dvc_cli.finished_arms(root)]
    if dvc_cli.run(root, "pull", "--run-cache", *targets, say=output.say):
        raise UserError(
            "dvc pull failed; see its output above. Was everything pushed (realign push)?",
            code="dvc.pull_failed",
        )
    if damage.repair(root, output.say):
        output.say("realign run makes again what was damaged and could not be fetched")
    output.say("pulled; realign status shows what is left to run")


@app.command()
def serve(
    cron: Annotated[str, typer.Option(help="When to run, five fields, e.g. '0 3 * * 1'.")],
    timezone: Annotated[str, typer.Option(help="Time zone of --cron.")] = "UTC",
) -> None:
    """Run the flow on a schedule, in this process, against a Prefect server."""
    from flows import schedule

    schedule.serve(project.find(), cron, timezone)


def main() -> None:
    """Run the command; errors that the user can fix are printed without a traceback."""
    environment.settle(hub=True)  # each stage decides for itself whether it may use the hub
    status: object = 1
    try:
        app()
    except SystemExit as end:
        status = end.code
    except UserError as error:
        print(f"\nrealign: {redact(str(error), *of_environment(os.environ))}", file=sys.stderr)
        status = 2
    except OSError as error:
        refusal = of_disk(error, Path.cwd())
        if refusal is None:
            raise
        print(f"\nrealign: {redact(str(refusal), *of_environment(os.environ))}", file=sys.stderr)
        status = 2
    finally:
        if status == interrupt.STATUS:  # in which typer turns a KeyboardInterrupt
            print(interrupt.MESSAGE, file=sys.stderr)
        interrupt.end_within(_EXIT_SECONDS, status)
    sys.exit(status)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
