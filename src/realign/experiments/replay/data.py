"""Scored multi-response data as the pipeline's own tables, with one or two annotators."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Params
from realign.data.prepare import prepare
from realign.data.sources import AUTO
from realign.data.text import segments
from realign.errors import UserError
from realign.store import schemas

NOBODY = "none"
CLIP = 1e-5  # scores in [0, 1] are compared in logits; 0 and 1 have none


@dataclass(frozen=True)
class Scored:
    """Prompts with at least two scored responses.

    Attributes:
        responses: rows of the responses table; tokens counts words (characters in scripts without blanks), which
            needs no tokenizer.
        score: the annotator's score by response id, as it came.
        quality: the same in the units of `scale`, in which gaps compare.
        second: the second annotator's, NaN where there is none; None without a second annotator.
        shape: what the file was taken for.
        annotator: who labels.
        checker: the second annotator's name; None without.
        scale: plain or logit.
        set_aside: what was not used, by reason.
    """

    responses: pd.DataFrame
    score: pd.Series
    quality: pd.Series
    second: pd.Series | None
    shape: str
    annotator: str
    checker: str | None
    scale: str
    set_aside: dict[str, int]

    @property
    def prompts(self) -> np.ndarray:
        """Ids of the prompts, sorted."""
        return np.unique(self.responses["prompt_id"].to_numpy(dtype=str))


def read(path: Path, params: Params, annotator: str | None, second: str | None) -> Scored:
    """Read a file of any shape that brings scores, as the prepare stage does with `prepare.source: auto`.

    Args:
        path: of a format that data.lines reads.
        params: of the project; prepare's limits on characters and bad rows apply.
        annotator: whose scores label; None for the one that the shape names first, or the only one.
        second: whose scores check the labels; None for the only other one, NOBODY for none.

    Raises:
        UserError: the file cannot be used, or there is no such annotator.
    """
    options = params.prepare.model_copy(
        update={"source": AUTO, "path": str(path), "max_prompts": None, "max_responses": 1_000_000}
    )
    tables = prepare(path, options, params.seed)
    scores = tables.scores.pivot(index="response_id", columns="annotator", values="score")
    annotator, checker = _annotators(scores, path.name, annotator, second, tables.source.annotator)
    given = tables.given[tables.given["response_id"].isin(scores.index[scores[annotator].notna()])]
    sizes = given.groupby("prompt_id")["response_id"].transform("size")
    used = given[sizes >= 2].sort_values(["prompt_id", "response_id"]).reset_index(drop=True)
    if used.empty:
        raise UserError(
            f"{path.name}: no prompt has two responses scored by {annotator!r}. Name another: --annotator",
            code="replay.no_pairs",
        )
    responses = used.assign(
        k=used.groupby("prompt_id").cumcount(),
        finish="given",
        tokens=[max(1, len(segments(text))) for text in used["text"]],
    )[schemas.RESPONSES.names]
    aside = tables.quarantine.frame().groupby("reason").size().to_dict()
    aside["no_score"] = len(tables.given) - len(given)
    aside["alone_in_its_prompt"] = len(given) - len(used)
    known = scores.loc[responses["response_id"]]
    bounded = bool(known[annotator].between(0, 1).all())
    return Scored(
        responses=responses,
        score=known[annotator],
        quality=_logit(known[annotator]) if bounded else known[annotator],
        second=None if checker is None else known[checker],
        shape=tables.source.name,
        annotator=annotator,
        checker=checker,
        scale="logit" if bounded else "plain",
        set_aside={str(reason): int(count) for reason, count in sorted(aside.items()) if count},
    )


def _annotators(
    scores: pd.DataFrame, name: str, annotator: str | None, second: str | None, usual: str | None
) -> tuple[str, str | None]:
    there = sorted(scores.columns)
    if not there:
        raise UserError(
            f"{name}: no response has a score. Replay needs data that is scored already",
            code="replay.no_scores",
        )
    if annotator is None:
        annotator = usual if usual in there else there[0] if len(there) == 1 else None
    if annotator is None:
        raise UserError(
            f"{name}: several annotators scored it ({', '.join(there)}). Name one: --annotator",
            code="replay.annotator_unnamed",
        )
    for who, option in ((annotator, "--annotator"), (second, "--second")):
        if who not in (None, NOBODY, *there):
            raise UserError(
                f"{option} {who!r}: {name} has scores by {', '.join(there)}", code="replay.annotator_unknown"
            )
    if second == annotator:
        raise UserError(
            f"--second {second!r}: a second opinion must come from another annotator than --annotator",
            code="replay.same_annotator",
        )
    if second is None:
        others = [who for who in there if who != annotator and not _same(scores[who], scores[annotator])]
        if len(others) > 1:
            raise UserError(
                f"{name}: besides {annotator!r} there are {', '.join(others)}. Name one: --second, or --second {NOBODY}",
                code="replay.second_unnamed",
            )
        return annotator, others[0] if others else None
    return annotator, None if second == NOBODY else second


def _same(one: pd.Series, other: pd.Series) -> bool:
    """Whether one annotator is the other under a second name."""
    both = one.notna() & other.notna()
    return bool((one[both] == other[both]).all())


def _logit(p: pd.Series) -> pd.Series:
    clipped = p.clip(CLIP, 1 - CLIP)
    return pd.Series(np.log(clipped / (1 - clipped)), index=p.index)
