"""What becomes of verdicts: a cap that was reached, a second opinion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from realign.config.params import Label
from realign.data.simulation.qualities import qualities
from realign.errors import LabelsMissing
from realign.labelers.base import OVER_BUDGET, Verdicts, by_gap, score_gap


def within_budget(verdicts: Verdicts, pairs: pd.DataFrame, distinct: pd.DataFrame, settings: Label) -> None:
    """Stop where the cap of `label.budget` left pairs without a verdict, unless params say to train on the rest.

    Args:
        verdicts: on the distinct pairs.
        pairs: what each pair is for; columns purpose, strategy, pair_id.
        distinct: the pairs that were asked about, in the verdicts' order.
        settings: the label section.

    Raises:
        LabelsMissing: names the cap, and how many pairs of which use are missing.
    """
    missing = distinct["pair_id"][verdicts.winner == OVER_BUDGET]
    if missing.empty or settings.budget.then == "train":
        return
    late = pairs[pairs["pair_id"].isin(missing)]
    uses = (late["purpose"] + " " + late["strategy"]).value_counts(sort=False)
    parts = ", ".join(f"{count} {use}" for use, count in uses.items())
    caps = {"calls": settings.budget.calls, "money": settings.budget.money}
    named = " and ".join(f"label.budget.{key} = {cap:g}" for key, cap in caps.items() if cap is not None)
    raise LabelsMissing(
        f"{named} is reached: {len(distinct) - len(missing)} of {len(distinct)} pairs are judged, {len(missing)} are "
        f"missing ({parts}; a pair may serve several). What was bought is in the ledger. Raise the cap, or train on "
        "what there is: --set label.budget.then=train"
    )


def gold(pairs: pd.DataFrame, scores: pd.DataFrame, settings: Label) -> pd.DataFrame:
    """The noise-free rule's verdict where the data has a rule, else the second annotator's, else null.

    Args:
        pairs: with texts and rules (core.pairs.with_texts).
        scores: the scores table.
        settings: the label section.

    Returns:
        Columns gold (a, b, tie or null) and gold_gap, in the order of `pairs`.
    """
    if pairs["rule"].notna().all():
        gap = qualities(pairs, "text_a") - qualities(pairs, "text_b")
    elif settings.gold_annotator is not None:
        gap = score_gap(pairs, scores, settings.gold_annotator)
    else:
        gap = np.full(len(pairs), np.nan)
    winner = by_gap(gap, 1e-9)
    return pd.DataFrame(
        {
            "gold": pd.Series(winner, dtype="str").replace("", None),
            "gold_gap": np.round(np.abs(gap), 9),
        }
    )
