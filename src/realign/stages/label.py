"""label: who wins each pair, and how sure; the trained strategy's verdicts become preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from realign.core import schemas
from realign.core.params import Label, Validate
from realign.core.work import Quarantine, Tally, Work
from realign.labellers import LABELLERS
from realign.labellers.oracle import qualities
from realign.labellers.verdicts import Question, by_gap, score_gap
from realign.quality import frames, gate, suites

_BINS = 20


@dataclass(frozen=True)
class Inputs:
    """What label reads."""

    prompts: pd.DataFrame
    responses: pd.DataFrame
    scores: pd.DataFrame
    validated_train: pd.DataFrame
    validated_measure: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    """What label is told."""

    seed: int
    label: Label
    validate: Validate


@dataclass(frozen=True)
class Outputs:
    """What label writes."""

    labels: pd.DataFrame
    preferences: pd.DataFrame
    plot_lengths: pd.DataFrame
    gate_preferences: dict[str, Any]
    quarantine_label: pd.DataFrame
    tally_label: Tally


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Have each distinct pair judged once, and turn the train pairs' verdicts into preferences.

    Ties stay in the labels table and leave the preferences, counted in the quarantine.

    Raises:
        UserError: the labeller cannot judge this data.
        ValidationFailed: the preferences gate refused the table.
    """
    pairs = pd.concat([inputs.validated_train, inputs.validated_measure], ignore_index=True)
    distinct = _with_texts(pairs.drop_duplicates("pair_id"), inputs)
    verdicts = LABELLERS[settings.label.labeller](
        Question(distinct, inputs.scores, settings.label, settings.seed, work)
    )
    judged = distinct[["pair_id"]].assign(
        winner=verdicts.winner, p_a=verdicts.p_a, labeller=verdicts.labeller
    )
    judged = judged.join(_gold(distinct, inputs.scores, settings.label))
    merged = pairs.merge(judged, on="pair_id", how="left", validate="many_to_one")
    quarantine = Quarantine()
    silent = merged["winner"] == ""
    names = merged["purpose"] + " " + merged["strategy"] + " " + merged["pair_id"]
    quarantine.add_all("pair", names[silent].tolist(), "no_verdict", merged["labeller"][silent].tolist())
    labels = merged[~silent]
    train = labels[labels["purpose"] == "train"]
    tied = train[train["winner"] == "tie"]
    quarantine.add_all("label", tied["pair_id"].tolist(), "tie", tied["labeller"].tolist())
    preferences = _preferences(train[train["winner"] != "tie"], distinct, inputs.responses)
    verdict = gate.check(
        frames.preferences(preferences, inputs.validated_train, inputs.prompts),
        suites.preferences(settings.validate),
        pd.Series(True, index=preferences.index),
        work,
    )
    return Outputs(
        labels[schemas.LABELS.names],
        preferences[schemas.PREFERENCES.names],
        _lengths(labels, inputs.responses),
        verdict.summary,
        quarantine.frame(),
        quarantine.tally(
            {"pair": len(pairs), "label": len(train)},
            {"pair": len(labels), "label": len(preferences)},
        ),
    )


def _with_texts(pairs: pd.DataFrame, inputs: Inputs) -> pd.DataFrame:
    texts = inputs.responses.set_index("response_id")["text"]
    prompts = inputs.prompts.set_index("prompt_id")
    return pairs.assign(
        text_a=texts.loc[pairs["response_a"]].to_numpy(),
        text_b=texts.loc[pairs["response_b"]].to_numpy(),
        messages=prompts["messages"].loc[pairs["prompt_id"]].to_numpy(),
        rule=prompts["rule"].loc[pairs["prompt_id"]].to_numpy(),
    ).reset_index(drop=True)


def _gold(pairs: pd.DataFrame, scores: pd.DataFrame, settings: Label) -> pd.DataFrame:
    """The noise-free rule's verdict where the data has a rule, else the second annotator's, else null."""
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


def _preferences(labels: pd.DataFrame, distinct: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    rows = labels.merge(distinct[["pair_id", "text_a", "text_b", "messages"]], on="pair_id")
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
    )


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
