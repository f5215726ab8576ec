"""`realign replay`: which pairs each strategy would have had labeled, on data that is scored already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from flows import output, project

_console = Console()
_COLUMNS = (
    ("label error", "label_error"),
    ("with pilot", "label_error_all"),
    ("score gap", "score_gap"),
    ("ties", "ties"),
    ("|ln length ratio|", "abs_log_length_ratio"),
    ("longer wins", "longer_wins"),
)
_NARROW = ("label_error", "abs_log_length_ratio")
_WIDE = 120  # characters that the whole table takes; a terminal with fewer gets the main columns


def replay(
    data: Annotated[
        Path, typer.Argument(help="Scored responses, JSON lines of the multi shape (data/README.md).")
    ],
    strategies: Annotated[
        str | None, typer.Option(help="Names, with commas; all where none is named.")
    ] = None,
    k: Annotated[int | None, typer.Option(min=2, help="Responses sampled of each prompt; all.")] = None,
    draws: Annotated[
        int, typer.Option(min=1, help="How often responses, pilot and random picks are drawn.")
    ] = 20,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Labels each strategy may buy, its pilot included; one of every prompt."),
    ] = None,
    pilot: Annotated[
        int, typer.Option(min=1, help="Prompts with a pair labeled first, for strategies that learn.")
    ] = 160,
    pilot_by: Annotated[
        str | None,
        typer.Option(help="Who picks the pilot's pairs after its first round; as in params.yaml."),
    ] = None,
    pilot_round: Annotated[
        int | None, typer.Option(min=1, help="Labels a round of the pilot; as in params.yaml.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="minilm, hidden_state or a sentence encoder's folder; as in params.yaml."),
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Whose scores label.")] = None,
    second: Annotated[
        str | None, typer.Option(help="Whose scores check the labels; none for nobody's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything drawn; as in params.yaml.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts to this file.")] = None,
) -> None:
    """What each selection strategy would have picked on scored data: label error, ties, length bias. No training."""
    from realign.config import environment, params_file
    from realign.experiments.replay.run import Request, run
    from realign.store import artifacts

    output.check({"--json": (json_, ".json"), "--html": (html, ".html")}, never=data)
    root = project.find()
    found = params_file.load(root / params_file.PARAMS_FILE)
    environment.quiet_libraries()
    names = None if strategies is None else tuple(n.strip() for n in strategies.split(",") if n.strip())
    asked = Request(
        data, names, k, draws, budget, pilot, pilot_by, pilot_round, encoder, annotator, second, seed
    )
    result = run(root, found, asked)
    show(result)
    if json_ is not None:
        artifacts.write_json(json_, result)
    if html is not None:
        from realign.report import replay_page

        artifacts.write_text(html, replay_page.render(result))


def show(result: dict[str, Any]) -> None:
    """Print the table and the verdict."""
    from realign.experiments.replay.conclusion import p_words

    told, about = result["settings"], result["data"]
    table = Table(
        title=f"{about['name']}: {about['prompts']} prompts, {told['draws']} draws", title_justify="left"
    )
    columns = [c for c in _COLUMNS if _console.width >= _WIDE or c[1] in _NARROW]
    if told["pilot_by"] != "random":  # then every label is measured anyway
        columns = [c for c in columns if c[1] != "label_error_all"]
    table.add_column("strategy", no_wrap=True)
    for title, _ in columns:
        table.add_column(title, justify="right")
    table.add_column("p (Holm)", justify="right")
    for name, row in sorted(result["strategies"].items(), key=_by_error):
        p = p_words(row["p_holm"]) if "p_holm" in row else ""
        table.add_row(name, *(_cell(row["figures"][key], key == "label_error") for _, key in columns), p)
    _console.print(table)
    checked = f"checked by {about['second']}" if about["second"] else f"expected at {told['criteria'][0]}"
    _console.print(
        f"labels by {about['annotator']}, {checked}; gaps on the {about['scale']} scale; vectors by {told['encoder']}; "
        f"{100 * told['confidence']:g} % intervals over prompts",
        highlight=False,
    )
    for sentence in result["verdict"]["sentences"]:
        _console.print(f"\n{sentence}", highlight=False)


def _by_error(item: tuple[str, dict[str, Any]]) -> tuple[float, str]:
    figure = item[1]["figures"]["label_error"]
    return (figure["value"] if figure else 1.0, item[0])


def _cell(figure: dict[str, Any] | None, whole: bool) -> str:
    if figure is None:
        return ""
    interval = f" [{figure['low']:.3f}, {figure['high']:.3f}]" if whole else ""
    return f"{figure['value']:.3f}{interval}"
