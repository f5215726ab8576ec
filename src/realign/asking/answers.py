"""What becomes of verdicts: a cap that was reached, a second opinion, preferences to train on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from realign.core import schemas
from realign.core.errors import LabelsMissing
from realign.core.params import Label
from realign.labellers.verdicts import OVER_BUDGET, Verdicts, by_gap, score_gap
from realign.simulation.qualities import qualities


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
        pairs: with texts and rules (questions.with_texts).
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


def preferences(labels: pd.DataFrame, texts: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Labelled pairs as the preferences table; ties, and pairs of which both are bad, stay out.

    Args:
        labels: columns pair_id, prompt_id, response_a, response_b, similarity, winner, p_a, labeller.
        texts: the same pairs with texts (questions.with_texts).
        responses: the responses table.
    """
    rows = labels[labels["winner"].isin(["a", "b"])]
    rows = rows.merge(texts[["pair_id", "text_a", "text_b", "messages"]], on="pair_id")
    a_wins = (rows["winner"] == "a").to_numpy()
    chosen = np.where(a_wins, rows["response_a"], rows["response_b"])
    rejected = np.where(a_wins, rows["response_b"], rows["response_a"])
    tokens = responses.set_index("response_id")["tokens"]
    return rows.assign(
        chosen_id=chosen,
        rejected_id=rejected,
        chosen=np.where(a_wins, rows["text_a"], rows["text_b"]),
        rejected=np.where(a_wins, rows["text_b"], rows["text_a"]),
        p_chosen=np.where(a_wins, rows["p_a"], 1 - rows["p_a"]),
        chosen_tokens=tokens.loc[chosen].to_numpy(),
        rejected_tokens=tokens.loc[rejected].to_numpy(),
    )[schemas.PREFERENCES.names]
