"""label: who wins each pair, and how sure; the trained strategy's labels become preferences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Embed, Label, Validate
from realign.data.pairs import as_preferences, even
from realign.evaluation.intervals import Resampling
from realign.labelers.base import LabelInputs
from realign.labelers.human.labeler import agreement_facts
from realign.labelers.label_pairs import Labeling, asked_about, label_pairs
from realign.labelers.registry import find
from realign.quality import frames, gate, suites
from realign.store import schemas
from realign.store.labels import OUTCOMES, SIDES, TIES
from realign.store.quarantine import Quarantine, Tally
from realign.store.work import Work

_BINS = 20


@dataclass(frozen=True)
class Inputs(LabelInputs):
    """What label reads: what labelers may look at, and the pairs."""

    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    seed: int
    embed: Embed
    label: Label
    validate: Validate = field(metadata={"only": suites.PREFERENCE_LIMITS})
    resamples: int = field(metadata={"key": "evaluate.resamples"})
    confidence: float = field(metadata={"key": "evaluate.confidence"})


@dataclass(frozen=True)
class Outputs:
    labels: pd.DataFrame
    preferences: pd.DataFrame
    labeling: dict[str, Any]
    plot_lengths: pd.DataFrame
    gate_preferences: dict[str, Any]
    quarantine_label: pd.DataFrame
    tally_label: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Label each distinct pair once, and turn the train pairs' labels into preferences.

    Ties, pairs of which both are bad, and pairs that the labeler calls even (label.unsure) stay in the labels
    table and leave the preferences, counted in the quarantine.

    Raises:
        UserError: the labeler cannot label this data, or is not good enough.
        LabelsMissing: people's votes, or money for the judge, are missing.
        ValidationFailed: the preferences gate refused the table.
    """
    picked = pd.concat([inputs.validated_train, inputs.validated_measure], ignore_index=True)
    pairs = picked[asked_about(picked, settings.label)]
    intervals = Resampling(settings.resamples, settings.confidence, settings.seed)
    labeling = label_pairs(pairs, inputs, settings.label, settings.embed, intervals=intervals, work=work)
    columns = ["pair_id", "winner", "p_a", "labeler", "gold", "gold_gap"]
    merged = pairs.merge(labeling.pairs[columns], on="pair_id", how="left", validate="many_to_one")
    quarantine = Quarantine()
    names = _names(merged)
    aside = _names(picked.drop(pairs.index)).tolist()
    quarantine.add_all("pair", aside, "audit_not_asked", ["label.people.audit is false"] * len(aside))
    unlabeled = ~merged["winner"].isin(OUTCOMES)
    for reason, part in merged[unlabeled].groupby("winner"):
        quarantine.add_all("pair", names[part.index].tolist(), str(reason), part["labeler"].tolist())
    labels = merged[~unlabeled]
    train = labels[labels["purpose"] == "train"]
    for outcome in TIES:
        part = train[train["winner"] == outcome]
        quarantine.add_all("label", part["pair_id"].tolist(), outcome, part["labeler"].tolist())
    unsure = train[even(train, settings.label.unsure)]
    quarantine.add_all("label", unsure["pair_id"].tolist(), "unsure", unsure["labeler"].tolist())
    preferences = as_preferences(train, labeling.pairs, inputs.responses, settings.label.unsure)
    checked = gate.check(
        frames.preferences(preferences, inputs.validated_train, inputs.prompts),
        suites.preferences(settings.validate),
        pd.Series(True, index=preferences.index),
        work,
    )
    return Outputs(
        labels[schemas.LABELS.names],
        preferences,
        _facts(labels, labeling),
        _lengths(labels, inputs.responses),
        checked.summary,
        quarantine.frame(),
        quarantine.tally(
            {"pair": len(picked), "label": len(train)},
            {"pair": len(labels), "label": len(preferences)},
        ),
    )


def _names(uses: pd.DataFrame) -> pd.Series[str]:
    return uses["purpose"] + " " + uses["strategy"] + " " + uses["pair_id"]


def _facts(labels: pd.DataFrame, labeling: Labeling) -> dict[str, Any]:
    """How the labels came about: who, how many of each outcome, and what is known of the labeler."""
    each = labels.drop_duplicates("pair_id")
    counts = each["winner"].value_counts()
    settings = labeling.request.settings
    facts: dict[str, Any] = {
        "labeler": settings.labeler,
        "outcomes": {name: int(counts.get(name, 0)) for name in OUTCOMES},
        "by": {str(name): int(count) for name, count in each["labeler"].value_counts().items()},
        "known_pairs": labeling.measured,
        **labeling.labels.facts,
    }
    if find(settings.labeler).asks_people:
        facts["people"] = agreement_facts(labeling.request, each["pair_id"])
    return facts


def _lengths(labels: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    decided = labels[labels["winner"].isin(SIDES) & (labels["purpose"] != "holdout")]
    tokens = responses.set_index("response_id")["tokens"]
    edges = np.linspace(0, max(1, int(tokens.max())), _BINS + 1)
    rows = []
    for name, part in decided.groupby("strategy"):
        a_wins = part["winner"] == "a"
        sides = {
            "chosen": part["response_a"].where(a_wins, part["response_b"]),
            "rejected": part["response_b"].where(a_wins, part["response_a"]),
        }
        for side, responses_ in sides.items():
            counts, _ = np.histogram(tokens.loc[responses_], bins=edges)
            rows += [
                (str(name), side, at, float(edges[at]), float(edges[at + 1]), int(n))
                for at, n in enumerate(counts)
            ]
    return pd.DataFrame(rows, columns=schemas.LENGTHS.names)
