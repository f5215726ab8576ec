"""The figures of the last run, as a person reads them in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from realign.config.params_file import PARAMS_FILE
from realign.config.params_file import load as load_params
from realign.store.artifacts import ARTIFACTS, Json, read_json

REPORT = ARTIFACTS["report"].path
_MODEL = ("win_rate", "pair_accuracy", "reward_margin", "kl_nats_per_response", "length_ratio")


def load(root: Path) -> Json:
    """The metrics of the last run.

    Raises:
        UserError: there are none yet.
    """
    return read_json(root / ARTIFACTS["metrics"].path)


def rows(metrics: Json) -> list[dict[str, Any]]:
    """A row a figure: name, value, interval, prompts."""
    found = [_row(name, metrics["model"][name]) for name in _MODEL]
    found += [
        _row(f"label_error of {name}", row["label_error"]) for name, row in metrics["strategies"].items()
    ]
    return found


def show(root: Path, console: Console) -> None:
    """Print the result table and where the report lies."""
    metrics, params = load(root), load_params(root / PARAMS_FILE)
    table = Table(
        title=f"Held-out results, trained on the pairs that {params.strategy} picked",
        title_justify="left",
    )
    for column, side in (
        ("figure", "left"),
        ("value", "right"),
        ("95 % interval", "right"),
        ("prompts", "right"),
    ):
        title = column.replace("95", f"{100 * metrics['confidence']:g}")
        table.add_column(title, justify="left" if side == "left" else "right")
    for row in rows(metrics):
        value = "not known" if row["value"] is None else f"{row['value']:.3f}"
        interval = "" if row["value"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(row["figure"], value, interval, str(row["prompts"]))
    console.print(table)
    console.print(f"labels: {metrics['labeler']}; judge: {metrics['judge']['kind']}", highlight=False)
    console.print(f"report: {root / REPORT}", highlight=False, soft_wrap=True)


def _row(name: str, figure: dict[str, Any] | None) -> dict[str, Any]:
    if figure is None:
        return {"figure": name, "value": None, "low": None, "high": None, "prompts": 0}
    return {
        "figure": name,
        "value": figure["value"],
        "low": figure["low"],
        "high": figure["high"],
        "prompts": figure["n"],
    }
