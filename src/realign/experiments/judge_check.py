"""`realign judge-check`: a labeler measured on pairs whose answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Params
from realign.config.params_file import check
from realign.data import known_pairs
from realign.errors import UserError
from realign.labelers.base import Question
from realign.labelers.check import check as measure
from realign.models.embedders.texts import text_vectors
from realign.store import artifacts, schemas
from realign.store import ledger_batches as batches
from realign.store.artifacts import ARTIFACTS
from realign.store.work import WORK, Work


def run(root: Path, params: Params, data: Path, labeler: str | None) -> dict[str, Any]:
    """Figures of a labeler on the pairs of a file (judging.figures), each with its interval.

    Args:
        root: the project.
        params: its parameters.
        data: JSON lines {prompt, response_a, response_b, label}.
        labeler: another one than `label.labeler`; None for that one.

    Raises:
        UserError: the file is not as it must be, the labeler cannot be asked, or a stage it needs has not run.
    """
    told = with_labeler(params, labeler)
    pairs = known_pairs.read(data)
    question = Question(
        pairs=pairs,
        scores=_table(root, "scores", schemas.SCORES),
        settings=told.label,
        seed=told.seed,
        work=Work(root / WORK, "label"),
        base=root / ARTIFACTS["base"].path,
        vectors=text_vectors(root / ARTIFACTS["base"].path, told.embed, {}),
        votes=batches.read(root / ARTIFACTS["people"].path),
        known=pairs,
    )
    verdicts, figures = measure(question, pairs)
    name = np.asarray(verdicts.labeler, dtype=object).ravel()[0]
    return {"labeler": str(name), "pairs": len(pairs), "figures": figures, "facts": verdicts.facts}


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


def lines(found: dict[str, Any]) -> list[str]:
    """What `run` found, a line a figure, for a terminal."""
    figures = found["figures"]
    length, calibration = figures["length"], figures["calibration"]
    rows = [(words, figures[name]) for name, words in WORDS.items()]
    rows += [
        ("names the longer response", length["longer_named"]),
        ("the longer response is right", length["longer_right"]),
        ("favours length by (0 is no bias)", length["bias"]),
    ]
    shown = [f"{found['labeler']} on {found['pairs']} pairs with a known answer", ""]
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
    return check(raw, "params.yaml with --labeler")


def _table(root: Path, name: str, table: schemas.Table) -> pd.DataFrame:
    path = root / ARTIFACTS[name].path
    if not path.is_file():
        raise UserError(f"{ARTIFACTS[name].path} is not there yet. Run first: realign run --until embed")
    return artifacts.read_table(path, table)
