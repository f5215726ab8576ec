"""Labeling pairs: each once, by a labeler that is good enough, within what it may cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from realign.config import params
from realign.data.pairs import with_texts
from realign.data.simulation.qualities import qualities
from realign.errors import LabelsMissing, UserError, listing
from realign.evaluation.intervals import Resampling
from realign.labelers.accuracy import require_accuracy
from realign.labelers.base import LabelInputs, LabelRequest, Labels, by_gap, count_uses, score_gap
from realign.labelers.registry import find
from realign.labelers.requests import label_request
from realign.store.labels import NO_LABEL, OUTCOMES, OVER_BUDGET, Label
from realign.store.work import Work


@dataclass(frozen=True)
class Labeling:
    """Distinct pairs and their labels.

    Attributes:
        request: as the labeler got it; `request.pairs` are distinct and have texts.
        labels: in the order of `request.pairs`.
        measured: the labeler's figures on label.known_pairs; None where params name none.
        pairs: `request.pairs` with winner, p_a, labeler, gold, gold_gap.
    """

    request: LabelRequest
    labels: Labels
    measured: dict[str, Any] | None
    pairs: pd.DataFrame


def label_pairs(
    uses: pd.DataFrame,
    inputs: LabelInputs,
    settings: params.Label,
    embed: params.Embed,
    *,
    intervals: Resampling,
    work: Work,
) -> Labeling:
    """Label each distinct pair once.

    Args:
        uses: columns purpose, strategy, pair_id, prompt_id, response_a, response_b; a pair may serve several.
        inputs: what the labeler may look at.
        settings: the label section.
        embed: the embed section.
        intervals: evaluate.resamples, evaluate.confidence and the run's seed.
        work: of the label stage.

    Raises:
        UserError: the labeler cannot label this data, or is not good enough.
        LabelsMissing: people's votes, or money for the judge, are missing.
    """
    pairs = with_texts(uses.drop_duplicates("pair_id"), inputs.prompts, inputs.responses)
    request = label_request(pairs, inputs, settings, embed, intervals=intervals, work=work, uses=uses)
    measured = require_accuracy(request)
    labels = find(settings.labeler).label(request)
    within_budget(labels, uses, pairs, settings)
    some_label(labels, settings)
    labeled = pairs.assign(winner=labels.winner, p_a=labels.p_a, labeler=labels.labeler)
    return Labeling(request, labels, measured, labeled.join(gold(pairs, inputs.scores, settings)))


def asked_about(uses: pd.DataFrame, settings: params.Label) -> pd.Series:
    """Which pairs the labeler is asked about: people get those that only measure a strategy if params say so."""
    with_people = find(settings.labeler).asks_people
    return (uses["purpose"] != "audit") | (settings.people.audit or not with_people)


def within_budget(labels: Labels, uses: pd.DataFrame, pairs: pd.DataFrame, settings: params.Label) -> None:
    """Stop where the cap of `label.budget` left pairs without a label, unless params say to train on the rest.

    Args:
        labels: of the distinct pairs.
        uses: what each pair is for; columns purpose, strategy, pair_id.
        pairs: the distinct pairs, in the labels' order.
        settings: the label section.

    Raises:
        LabelsMissing: names the cap, and how many pairs of which use are missing.
    """
    missing = pairs["pair_id"][labels.winner == OVER_BUDGET]
    if missing.empty or settings.budget.then == "train":
        return
    caps = {"calls": settings.budget.calls, "money": settings.budget.money}
    named = " and ".join(f"label.budget.{key} = {cap:g}" for key, cap in caps.items() if cap is not None)
    raise LabelsMissing(
        f"{named} is reached: {len(pairs) - len(missing)} of {len(pairs)} pairs are labeled, {len(missing)} are "
        f"missing ({count_uses(uses, missing)}). What was bought is in the ledger. Raise the cap, or train on "
        "what there is: --set label.budget.then=train",
        code="label.over_budget",
    )


def some_label(labels: Labels, settings: params.Label) -> None:
    """Stop where a labeler gave no label at all: what follows could only complain of empty tables.

    Raises:
        UserError: names why, as far as the labeler knows.
    """
    abstained = labels.winner == Label.ABSTAIN
    if not abstained.any() or np.isin(labels.winner, OUTCOMES).any():
        return
    whys = labels.facts.get("judge", {}).get("abstentions", {})
    raise UserError(
        listing(
            f"{settings.labeler} gave no label on any of {int(abstained.sum())} pairs. If its answers were cut, raise "
            "label.judge.max_tokens; realign ledger show PAIR shows them, and --ask-again asks for them again:",
            [f"{count} answers {why}" for why, count in whys.items()],
        ),
        code="label.none",
    )


def gold(pairs: pd.DataFrame, scores: pd.DataFrame, settings: params.Label) -> pd.DataFrame:
    """The noise-free rule's label where the data has a rule, else the second annotator's, else null.

    Args:
        pairs: with texts and rules (data.pairs.with_texts).
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
    winner = pd.Series(by_gap(gap, 1e-9), dtype="str")
    return pd.DataFrame({"gold": winner.replace(NO_LABEL, None), "gold_gap": np.round(np.abs(gap), 9)})
