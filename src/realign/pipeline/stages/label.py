"""label: who wins each pair, and how sure; the trained strategy's verdicts become preferences."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Embed, Label, Validate
from realign.data.pairs import as_preferences
from realign.labelers import label_pairs, requests
from realign.labelers.base import OUTCOMES
from realign.labelers.human.labeler import agreement_facts
from realign.quality import frames, gate, suites
from realign.store import schemas
from realign.store.work import Quarantine, Tally, Work

_BINS = 20


@dataclass(frozen=True)
class Inputs:
    """What label reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    embeddings: pd.DataFrame
    scores: pd.DataFrame
    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame
    base: Path
    people: Path
    known_pairs: Path
    rubric: Path


@dataclass(frozen=True)
class Settings:
    """What label is told."""

    seed: int
    embed: Embed
    label: Label
    validate: Validate = field(metadata={"only": suites.PREFERENCE_LIMITS})


@dataclass(frozen=True)
class Outputs:
    """What label writes."""

    labels: pd.DataFrame
    preferences: pd.DataFrame
    labeling: dict[str, Any]
    plot_lengths: pd.DataFrame
    gate_preferences: dict[str, Any]
    quarantine_label: pd.DataFrame
    tally_label: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Have each distinct pair judged once, and turn the train pairs' verdicts into preferences.

    Ties and pairs of which both are bad stay in the labels table and leave the preferences, counted
    in the quarantine.

    Raises:
        UserError: the labeler cannot judge this data, or is not good enough.
        LabelsMissing: people's votes, or money for the judge, are missing.
        ValidationFailed: the preferences gate refused the table.
    """
    pairs = pd.concat([inputs.validated_train, inputs.validated_measure], ignore_index=True)
    told = requests.Known(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.scores, inputs.base, inputs.people,
        inputs.known_pairs,
    )  # fmt: skip
    asked = label_pairs.ask(pairs, told, settings.label, settings.embed, seed=settings.seed, work=work)
    said = asked.judged[["pair_id", "winner", "p_a", "labeler", "gold", "gold_gap"]]
    merged = pairs.merge(said, on="pair_id", how="left", validate="many_to_one")
    quarantine = Quarantine()
    names = merged["purpose"] + " " + merged["strategy"] + " " + merged["pair_id"]
    silent = ~merged["winner"].isin(OUTCOMES)
    for reason, part in merged[silent].groupby("winner"):
        who = part["labeler"].tolist()
        quarantine.add_all("pair", names[part.index].tolist(), str(reason) or "no_verdict", who)
    labels = merged[~silent]
    train = labels[labels["purpose"] == "train"]
    for outcome in ("tie", "both_bad"):
        part = train[train["winner"] == outcome]
        quarantine.add_all("label", part["pair_id"].tolist(), outcome, part["labeler"].tolist())
    preferences = as_preferences(train, asked.judged, inputs.responses)
    verdict = gate.check(
        frames.preferences(preferences, inputs.validated_train, inputs.prompts),
        suites.preferences(settings.validate),
        pd.Series(True, index=preferences.index),
        work,
    )
    return Outputs(
        labels[schemas.LABELS.names],
        preferences,
        _labeling(settings, labels, asked),
        _lengths(labels, inputs.responses),
        verdict.summary,
        quarantine.frame(),
        quarantine.tally(
            {"pair": len(pairs), "label": len(train)},
            {"pair": len(labels), "label": len(preferences)},
        ),
    )


def _labeling(settings: Settings, labels: pd.DataFrame, asked: label_pairs.Asked) -> dict[str, Any]:
    """How the labels came about: who, how many of each outcome, and what is known of the labeler."""
    each = labels.drop_duplicates("pair_id")
    counts = each["winner"].value_counts()
    found: dict[str, Any] = {
        "labeler": settings.label.labeler,
        "outcomes": {name: int(counts.get(name, 0)) for name in OUTCOMES},
        "by": {str(name): int(count) for name, count in each["labeler"].value_counts().items()},
        "known_pairs": asked.measured,
        **asked.verdicts.facts,
    }
    if settings.label.labeler in ("human", "cascade"):
        votes = asked.question.votes
        relevant = votes[votes["pair_id"].isin(each["pair_id"])]
        found["people"] = agreement_facts(relevant, settings.label, settings.seed)
    return found


def _lengths(labels: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    decided = labels[(labels["winner"] != "tie") & (labels["purpose"] != "holdout")]
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
