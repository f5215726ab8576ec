"""pilot: random pairs that are labelled first, for strategies that learn from labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.core import schemas
from realign.core.errors import UserError
from realign.core.params import Embed, Label, Select, Validate
from realign.core.work import Quarantine, Work


@dataclass(frozen=True)
class Inputs:
    """What pilot reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    scores: pd.DataFrame
    base: Path
    people: Path
    known_pairs: Path
    rubric: Path


@dataclass(frozen=True)
class Settings:
    """What pilot is told."""

    seed: int
    embed: Embed
    select: Select
    validate: Validate
    label: Label


@dataclass(frozen=True)
class Outputs:
    """What pilot writes."""

    pilot: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """A random pair of `select.pilot.prompts` train prompts, judged by the run's labeller; none costs no time.

    Only pairs that the pairs gate would let through are bought, so that none is paid for and then set aside.

    Raises:
        UserError: there are not that many prompts, or the labeller cannot judge this data.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    wanted = settings.select.pilot.prompts
    if not wanted:
        return Outputs(pd.DataFrame(columns=schemas.PILOT.names))
    from realign import asking
    from realign.labellers.verdicts import OUTCOMES
    from realign.quality import frames, gate, suites
    from realign.selection.candidates import candidates
    from realign.selection.tables import as_pairs, pilot_order, usable

    train, _ = usable(inputs.prompts, inputs.responses, inputs.embeddings, Quarantine())
    pool = candidates(train, inputs.embeddings, settings.seed, settings.select)
    pairs = as_pairs(pool, pilot_order(pool), "train", "random")
    columns = frames.pairs(pairs, inputs.responses, inputs.prompts)
    failed = gate.failing(columns, suites.pairs(settings.validate, len(pairs)))
    pairs = pairs[~columns["row_id"].isin(list(failed)).to_numpy()]
    if wanted >= len(pairs):
        raise UserError(
            f"select.pilot.prompts: {wanted} of {len(pairs)} train prompts with a sound pair leave none to pick "
            "from; set it lower, or give more prompts"
        )
    told = asking.Known(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.scores, inputs.base, inputs.people,
        inputs.known_pairs,
    )  # fmt: skip
    uses = pairs.head(wanted).assign(purpose="pilot")
    asked = asking.ask(uses, told, settings.label, settings.embed, seed=settings.seed, work=work.of("label"))
    said = asked.judged[asked.judged["winner"].isin(OUTCOMES)]
    return Outputs(said[schemas.PILOT.names])
