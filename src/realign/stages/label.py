"""label: who wins each pair, and how sure; the trained strategy's verdicts become preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign import asking
from realign.core import schemas
from realign.core.pairs import as_preferences
from realign.core.params import Embed, Label, Validate
from realign.core.work import Quarantine, Tally, Work
from realign.labellers.people import agreement_facts
from realign.labellers.verdicts import OUTCOMES
from realign.quality import frames, gate, suites

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
    validate: Validate


@dataclass(frozen=True)
class Outputs:
    """What label writes."""

    labels: pd.DataFrame
    preferences: pd.DataFrame
    labelling: dict[str, Any]
    plot_lengths: pd.DataFrame
    gate_preferences: dict[str, Any]
    quarantine_label: pd.DataFrame
    tally_label: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Have each distinct pair judged once, and turn the train pairs' verdicts into preferences.

    Ties and pairs of which both are bad stay in the labels table and leave the preferences, counted
    in the quarantine.

    Raises:
        UserError: the labeller cannot judge this data, or is not good enough.
        LabelsMissing: people's votes, or money for the judge, are missing.
        ValidationFailed: the preferences gate refused the table.
    """
    pairs = pd.concat([inputs.validated_train, inputs.validated_measure], ignore_index=True)
    told = asking.Known(
        inputs.prompts, inputs.responses, inputs.embeddings, inputs.scores, inputs.base, inputs.people,
        inputs.known_pairs,
    )  # fmt: skip
    asked = asking.ask(pairs, told, settings.label, settings.embed, seed=settings.seed, work=work)
    said = asked.judged[["pair_id", "winner", "p_a", "labeller", "gold", "gold_gap"]]
    merged = pairs.merge(said, on="pair_id", how="left", validate="many_to_one")
    quarantine = Quarantine()
    names = merged["purpose"] + " " + merged["strategy"] + " " + merged["pair_id"]
    silent = ~merged["winner"].isin(OUTCOMES)
    for reason, part in merged[silent].groupby("winner"):
        who = part["labeller"].tolist()
        quarantine.add_all("pair", names[part.index].tolist(), str(reason) or "no_verdict", who)
    labels = merged[~silent]
    train = labels[labels["purpose"] == "train"]
    for outcome in ("tie", "both_bad"):
        part = train[train["winner"] == outcome]
        quarantine.add_all("label", part["pair_id"].tolist(), outcome, part["labeller"].tolist())
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
        _labelling(settings, labels, asked),
        _lengths(labels, inputs.responses),
        verdict.summary,
        quarantine.frame(),
        quarantine.tally(
            {"pair": len(pairs), "label": len(train)},
            {"pair": len(labels), "label": len(preferences)},
        ),
    )


def _labelling(settings: Settings, labels: pd.DataFrame, asked: asking.Asked) -> dict[str, Any]:
    """How the labels came about: who, how many of each outcome, and what is known of the labeller."""
    each = labels.drop_duplicates("pair_id")
    counts = each["winner"].value_counts()
    found: dict[str, Any] = {
        "labeller": settings.label.labeller,
        "outcomes": {name: int(counts.get(name, 0)) for name in OUTCOMES},
        "by": {str(name): int(count) for name, count in each["labeller"].value_counts().items()},
        "known_pairs": asked.measured,
        **asked.verdicts.facts,
    }
    if settings.label.labeller in ("human", "cascade"):
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
