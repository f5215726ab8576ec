"""`realign judge-check`: a labeller measured on pairs whose answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.core import artifacts, schemas
from realign.core.artifacts import ARTIFACTS
from realign.core.errors import UserError
from realign.core.params import Params, check
from realign.core.work import Work
from realign.embedders.texts import text_vectors
from realign.labellers.check import check as measure
from realign.labellers.verdicts import Question
from realign.ledger import batches
from realign.sources import known
from realign.stage import WORK


def run(root: Path, params: Params, data: Path, labeller: str | None) -> dict[str, Any]:
    """Figures of a labeller on the pairs of a file (judging.figures), each with its interval.

    Args:
        root: the project.
        params: its parameters.
        data: JSON lines {prompt, response_a, response_b, label}.
        labeller: another one than `label.labeller`; None for that one.

    Raises:
        UserError: the file is not as it must be, the labeller cannot be asked, or a stage it needs has not run.
    """
    told = with_labeller(params, labeller)
    pairs = known.read(data)
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
    name = np.asarray(verdicts.labeller, dtype=object).ravel()[0]
    return {"labeller": str(name), "pairs": len(pairs), "figures": figures, "facts": verdicts.facts}


def with_labeller(params: Params, labeller: str | None) -> Params:
    """The parameters with another labeller, checked again as if params.yaml said so."""
    if labeller is None:
        return params
    raw = params.model_dump(by_alias=True)
    raw["label"]["labeller"] = labeller
    return check(raw, "params.yaml with --labeller")


def _table(root: Path, name: str, table: schemas.Table) -> pd.DataFrame:
    path = root / ARTIFACTS[name].path
    if not path.is_file():
        raise UserError(f"{ARTIFACTS[name].path} is not there yet. Run first: realign run --until embed")
    return artifacts.read_table(path, table)
