"""`realign replay`: which pairs each strategy would have selected for labeling, on data that is already scored."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows import output, project

_COLUMNS = {
    "label error": "label_error",
    "with pilot": "label_error_all",
    "score gap": "score_gap",
    "ties": "ties",
    "|ln length ratio|": "abs_log_length_ratio",
    "longer wins": "longer_wins",
}
_NARROW = ("label_error", "abs_log_length_ratio")
_WIDE = 120  # characters of the whole table; narrower terminals get the main columns


def _at_least(low: int, help_: str) -> Any:
    return typer.Option(min=low, help=help_)


def replay(
    data: Annotated[
        Path, typer.Argument(help="Scored responses or labeled pairs, of any shape in data/README.md.")
    ],
    strategies: Annotated[str | None, typer.Option(help="Comma-separated names; all by default.")] = None,
    k: Annotated[int | None, _at_least(2, "Responses sampled for each prompt; all by default.")] = None,
    draws: Annotated[int, _at_least(1, "Draws of responses, pilots and random picks.")] = 20,
    budget: Annotated[
        int | None, _at_least(1, "Labels of each strategy with its pilot; one for every prompt by default.")
    ] = None,
    pilot: Annotated[int, _at_least(1, "Pilot labels, for strategies that learn.")] = 160,
    pilot_by: Annotated[
        str | None, typer.Option(help="Strategy that picks the pilot's later rounds.")
    ] = None,
    pilot_round: Annotated[int | None, _at_least(1, "Labels in a round of the pilot.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="minilm, hidden_state or a sentence encoder's folder.")
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Annotator whose scores make the labels.")] = None,
    second: Annotated[
        str | None, typer.Option(help="Annotator whose scores check the labels, or none.")
    ] = None,
    seed: Annotated[int | None, _at_least(0, "Seed of everything random.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts to this file.")] = None,
) -> None:
    """Measure what each strategy would have picked on scored data: label error, ties, length bias. No training.

    Without --pilot-by, --pilot-round, --encoder and --seed their values in params.yaml hold.
    """
    from realign.config import environment, params_file
    from realign.experiments.replay.run import Request, run
    from realign.store import artifacts

    output.check({"--json": (json_, ".json"), "--html": (html, ".html")}, never=data)
    root = project.find()
    params = params_file.load(root / params_file.PARAMS_FILE)
    environment.quiet_libraries()
    request = Request(
        data, output.names(strategies), k, draws, budget, pilot, pilot_by, pilot_round, encoder, annotator, second,
        seed,
    )  # fmt: skip
    result = run(root, params, request)
    show(result)
    if json_ is not None:
        artifacts.write_json(json_, result)
    if html is not None:
        from realign.report import replay_page

        artifacts.write_text(html, replay_page.render(result))


def show(result: dict[str, Any]) -> None:
    """Print the table and the conclusion."""
    from realign.evaluation.paired import p_words

    settings, data = result["settings"], result["data"]
    keys = {
        title: key
        for title, key in _COLUMNS.items()
        if (output.console.width >= _WIDE or key in _NARROW)
        and not (key == "label_error_all" and settings["pilot_by"] != "random")  # else equal to label_error
    }
    columns = {"strategy": "left"} | dict.fromkeys([*keys, "p (Holm)"], "right")
    rows = [
        [
            name,
            *(output.cell(row["figures"][key], interval=key == "label_error") for key in keys.values()),
            p_words(row["p_holm"]) if "p_holm" in row else "",
        ]
        for name, row in sorted(result["strategies"].items(), key=_by_error)
    ]
    output.show(f"{data['name']}: {data['prompts']} prompts, {settings['draws']} draws", columns, rows)
    checked = f"checked by {data['second']}" if data["second"] else f"expected at {settings['criteria'][0]}"
    output.say(
        f"read as {data['shape']}; labels by {data['annotator']}, {checked}; gaps on the {data['scale']} scale; vectors by "
        f"{settings['encoder']}; {100 * settings['confidence']:g} % intervals over prompts",
        wrap=True,
    )
    for sentence in result["conclusion"]["sentences"]:
        output.say(f"\n{sentence}", wrap=True)


def _by_error(item: tuple[str, dict[str, Any]]) -> tuple[float, str]:
    figure = item[1]["figures"]["label_error"]
    return (figure["value"] if figure else 1.0, item[0])
