"""`realign judge-check`: a labeler measured on pairs whose answer is known."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Params
from realign.config.params_file import check
from realign.data import known_pairs, sources
from realign.errors import UserError
from realign.evaluation.intervals import Resampling
from realign.labelers.accuracy import measure
from realign.labelers.base import LabelInputs, LabelRequest
from realign.labelers.registry import ask_again, refuse
from realign.labelers.requests import label_request
from realign.store import artifacts
from realign.store.artifacts import ARTIFACTS
from realign.store.work import WORK, Work


def run(root: Path, params: Params, data: Path, labeler: str | None, again: bool = False) -> dict[str, Any]:
    """Figures of a labeler on the pairs of a file (evaluation.judge_quality.figures), each with its interval.

    Args:
        root: the project.
        params: its parameters.
        data: JSON lines {prompt, response_a, response_b, label}.
        labeler: another one than `label.labeler`; None for that one.
        again: ask again for all answers of this labeler that could not be read.

    Raises:
        UserError: the file is not as it must be, the labeler cannot label pairs from outside, or a stage that it
            needs has not run.
    """
    params = with_labeler(params, labeler)
    pairs = known_pairs.read(data)
    if again:
        ask_again(params.label, root / params.label.judge.rubric, Work(root / WORK, "label"))
    labels, figures = measure(request(root, params, pairs), pairs)
    name = np.asarray(labels.labeler, dtype=object).ravel()[0]
    return {"labeler": str(name), "pairs": len(pairs), "figures": figures, "facts": labels.facts}


def request(root: Path, params: Params, pairs: pd.DataFrame) -> LabelRequest:
    """A request of this project's labeler, outside of a run.

    Args:
        root: the project.
        params: its parameters.
        pairs: with texts; any pairs.

    Raises:
        UserError: a table that it needs is not there yet.
    """
    tables = {name: _table(root, name) for name in ("prompts", "responses", "embeddings", "scores")}
    inputs = LabelInputs(
        **tables,
        base=root / ARTIFACTS["base"].path,
        people=root / ARTIFACTS["people"].path,
        known_pairs=root / params.label.known_pairs,
        rubric=root / params.label.judge.rubric,
        ledger=root / params.label.quality_head.ledger,
    )
    how = Resampling(params.evaluate.resamples, params.evaluate.confidence, params.seed)
    return label_request(
        pairs, inputs, params.label, params.embed, intervals=how, work=Work(root / WORK, "label")
    )


WORDS = {
    "coverage": "names a side where there is a better one",
    "accuracy": "names the right side, where it names one",
    "accuracy_ties_half": "the same, its ties counted half",
    "ties": "calls a tie, or both bad",
    "ties_found": "calls known ties so",
    "unanswered": "says nothing that can be read",
    "consistency": "says the same in both orders",
    "position_bias": "names the response shown first (0.5 is no bias)",
}


def lines(result: dict[str, Any]) -> list[str]:
    """What `run` measured, a line a figure, for a terminal."""
    figures = result["figures"]
    length, calibration = figures["length"], figures["calibration"]
    rows = [(words, figures[name]) for name, words in WORDS.items()]
    rows += [
        ("names the longer response", length["longer_named"]),
        ("the longer response is right", length["longer_right"]),
        ("favors length by (0 is no bias)", length["bias"]),
    ]
    shown = [f"{result['labeler']} on {result['pairs']} pairs with a known answer", ""]
    shown += [f"  {words:<50} {_figure(figure)}" for words, figure in rows]
    if calibration is not None:
        scaled = calibration["ece_scaled"]
        shown += [
            f"  {'calibration error (ECE)':<50} {calibration['ece']:.3f}"
            + ("" if scaled is None else f", {scaled:.3f} after temperature scaling"),
            f"  {'temperature that would calibrate it':<50} {calibration['temperature']:.2f} (above 1: it is too sure)",
        ]
    return [*shown, "", "Brackets are 95 % intervals."]


def _figure(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "not known"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]  of {figure['n']}"


def with_labeler(params: Params, labeler: str | None) -> Params:
    """The parameters with another labeler, checked again as if params.yaml said so."""
    if labeler is None:
        return params
    raw = params.model_dump(by_alias=True)
    raw["label"]["labeler"] = labeler
    source = "params.yaml with --labeler"
    changed = check(raw, source)
    refuse(changed, sources.find(changed.prepare), source)
    return changed


def _table(root: Path, name: str) -> pd.DataFrame:
    artifact = ARTIFACTS[name]
    path = root / artifact.path
    if artifact.table is None or not path.is_file():
        message = f"{artifact.path} is not there yet. Run first: realign run --until embed"
        raise UserError(message, code="project.not_run")
    return artifacts.read_table(path, artifact.table)
