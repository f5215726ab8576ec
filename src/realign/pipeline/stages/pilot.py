"""pilot: pairs that are labeled first, for strategies that learn from labels."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Embed, Label, Pilot, Select, Validate
from realign.errors import UserError
from realign.labelers.base import LabelInputs
from realign.quality import suites
from realign.store import schemas
from realign.store.labels import OUTCOMES
from realign.store.quarantine import Quarantine
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs(LabelInputs):
    """What pilot reads: what labelers may look at, and a team's own strategies."""

    strategies: Path


@dataclass(frozen=True)
class Settings:
    seed: int
    embed: Embed
    pilot: Pilot
    select: Select = field(metadata={"only": ("mix", "text_features", "options")})
    validate: Validate = field(metadata={"only": suites.PAIR_LIMITS})
    label: Label
    resamples: int = field(metadata={"key": "evaluate.resamples"})
    confidence: float = field(metadata={"key": "evaluate.confidence"})


@dataclass(frozen=True)
class Outputs:
    pilot: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """A pair of each of `pilot.prompts` train prompts, labeled by the run's labeler; none costs no time.

    Only pairs that the pairs gate would let through are labeled, so that none is paid for and then set aside.

    Raises:
        UserError: there are not that many prompts, or the labeler cannot label this data.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    wanted = settings.pilot.prompts
    if not wanted:
        return Outputs(pd.DataFrame(columns=schemas.PILOT.names))
    from realign.evaluation.intervals import Resampling
    from realign.labelers.label_pairs import label_pairs
    from realign.selection import registry
    from realign.selection.candidates import candidates
    from realign.selection.labeled_pairs import LabeledPairs, labeled_pairs
    from realign.selection.pilot import pilot, pilot_rows
    from realign.selection.tables import sound, usable

    known = registry(inputs.strategies)
    train, _ = usable(inputs.prompts, inputs.responses, inputs.embeddings, Quarantine())
    pool = candidates(train, inputs.embeddings, settings.seed, settings.select)
    allowed = sound(pool, "train", inputs.responses, inputs.prompts, settings.validate)
    there = len(np.unique(pool.prompt[allowed]))
    if wanted >= there:
        raise UserError(
            f"pilot.prompts: {wanted} of {there} train prompts with a sound pair leave none to pick "
            "from; set it lower, or give more prompts",
            code="pilot.too_large",
        )
    intervals = Resampling(settings.resamples, settings.confidence, settings.seed)

    def label(pairs: np.ndarray) -> pd.DataFrame:
        labeled = label_pairs(
            pilot_rows(pool, pairs, settings.pilot.by), inputs, settings.label, settings.embed,
            intervals=intervals, work=work.of("label"),
        ).pairs  # fmt: skip
        return labeled[labeled["winner"].isin(OUTCOMES)]

    def learn(pairs: np.ndarray) -> LabeledPairs | None:
        return labeled_pairs(label(pairs), inputs.responses, inputs.embeddings)

    pairs = pilot(pool, known, wanted, allowed, settings.pilot, learn)
    return Outputs(label(pairs)[schemas.PILOT.names])
