"""The figures of the last run, for the terminal."""

from pathlib import Path
from typing import Any

from flows import output
from realign.config.params_file import PARAMS_FILE
from realign.config.params_file import load as load_params
from realign.store.artifacts import ARTIFACTS, Json, read_json

REPORT = ARTIFACTS["report"].path
_MODEL = ("win_rate", "pair_accuracy", "reward_margin", "kl_nats_per_response", "length_ratio")
_UNKNOWN = {"value": None, "low": None, "high": None, "n": 0}


def load(root: Path) -> Json:
    """The metrics of the last run.

    Raises:
        UserError: there are none yet.
    """
    return read_json(root / ARTIFACTS["metrics"].path)


def rows(metrics: Json) -> list[dict[str, Any]]:
    """A row a figure: figure (its name), value, low, high, prompts."""
    figures = {name: metrics["model"][name] for name in _MODEL}
    figures |= {f"label_error of {name}": row["label_error"] for name, row in metrics["strategies"].items()}
    return [
        {"figure": name, "value": one["value"], "low": one["low"], "high": one["high"], "prompts": one["n"]}
        for name, one in ((name, figure or _UNKNOWN) for name, figure in figures.items())
    ]


def show(root: Path) -> None:
    """Print the table of results and the path of the report."""
    metrics, params = load(root), load_params(root / PARAMS_FILE)
    columns = {
        "figure": "left", "value": "right", f"{100 * metrics['confidence']:g} % interval": "right", "prompts": "right",
    }  # fmt: skip
    cells = [
        [row["figure"], "not known", "", "0"]
        if row["value"] is None
        else [
            row["figure"], f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}", str(row["prompts"]),
        ]
        for row in rows(metrics)
    ]  # fmt: skip
    output.show(f"Held-out results, trained on the pairs that {params.strategy} picked", columns, cells)
    output.say(f"labels: {metrics['labeler']}; scorer: {metrics['scorer']['kind']}")
    output.say(f"report: {root / REPORT}")
