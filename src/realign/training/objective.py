"""What training minimizes: TRL's losses, or one of ours with a weight for each pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from realign import discovery
from realign.config.params import Train
from realign.errors import UserError, listing

if TYPE_CHECKING:
    import torch

WEIGHT = "pair_weight"

TRL_LOSSES = (
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
)  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """A loss of ours.

    Attributes:
        loss: margins (B,) and columns (B,) by name -> losses (B,).
        columns: numbers of each pair, by name: those that the loss needs, and WEIGHT. Shape (n,) each.
    """

    loss: Callable[[torch.Tensor, Mapping[str, torch.Tensor]], torch.Tensor]
    columns: Mapping[str, np.ndarray]


def check(settings: Train) -> None:
    """Refuse losses and weightings that do not exist or do not go together.

    Raises:
        UserError: all problems are listed, each with its fix.
    """
    ours = discovery.names("realign.training.losses")
    weightings = discovery.names("realign.training.weightings")
    problems = []
    for name in settings.loss_type:
        if name not in (*TRL_LOSSES, *ours):
            known = f"TRL's ({', '.join(TRL_LOSSES)}) and {', '.join(ours)}"
            problems.append(f"train.loss_type: there is no loss {name!r}; there are {known}")
    if settings.weighting is not None and settings.weighting not in weightings:
        known = ", ".join(weightings) or "none yet"
        problems.append(f"train.weighting: there is no weighting {settings.weighting!r}; there are: {known}")
    if settings.weighting is not None and not set(settings.loss_type) <= set(ours):
        problems.append(
            f"train.weighting: TRL's losses take no weights; set train.loss_type to one of {', '.join(ours)}"
        )
    if not _of_trl(settings) and (len(settings.loss_type) > 1 or settings.loss_weights is not None):
        problems.append(
            "train.loss_type: only TRL's losses can be summed; name one alone, with loss_weights: null"
        )
    if problems:
        raise UserError(listing("the train section cannot be used:", problems), code="train.impossible")


def objective(settings: Train, preferences: pd.DataFrame) -> Objective | None:
    """Our loss with what it needs of each pair; None where TRL computes the loss.

    Raises:
        UserError: there is no such loss or weighting, or the weights cannot be used.
    """
    check(settings)
    if _of_trl(settings):
        return None
    loss = discovery.modules("realign.training.losses")[settings.loss_type[0]]
    weights = np.ones(len(preferences))
    if settings.weighting is not None:
        weighting = discovery.modules("realign.training.weightings")[settings.weighting]
        weights = np.asarray(weighting.weights(preferences), dtype=float)
        if weights.shape != (len(preferences),) or not (np.isfinite(weights) & (weights >= 0)).all():
            raise UserError(
                f"train.weighting: {settings.weighting} must give a finite number >= 0 for each pair",
                code="train.bad_weights",
            )
    needed = {name: preferences[name].to_numpy(float) for name in loss.COLUMNS}
    return Objective(loss.loss, needed | {WEIGHT: weights})


def _of_trl(settings: Train) -> bool:
    return settings.weighting is None and set(settings.loss_type) <= set(TRL_LOSSES)
