"""label: who wins each pair, and how sure; the trained strategy's verdicts become preferences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.core import schemas
from realign.core.errors import LabelsMissing
from realign.core.params import NO_FILE, Embed, Label, Validate
from realign.core.work import Quarantine, Tally, Work
from realign.embedders.texts import text_vectors
from realign.labellers import LABELLERS
from realign.labellers.check import require_accuracy
from realign.labellers.people import agreement_facts
from realign.labellers.verdicts import OUTCOMES, OVER_BUDGET, Question, Verdicts, by_gap, score_gap
from realign.ledger import batches
from realign.quality import frames, gate, suites
from realign.simulation.qualities import qualities
from realign.sources import known

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
    distinct = with_texts(pairs.drop_duplicates("pair_id"), inputs.prompts, inputs.responses)
    question = _question(distinct, inputs, settings, work)
    measured = require_accuracy(question)
    verdicts = LABELLERS[settings.label.labeller](question)
    _within_budget(verdicts, pairs, distinct, settings.label)
    judged = distinct[["pair_id"]].assign(
        winner=verdicts.winner, p_a=verdicts.p_a, labeller=verdicts.labeller
    )
    judged = judged.join(_gold(distinct, inputs.scores, settings.label))
    merged = pairs.merge(judged, on="pair_id", how="left", validate="many_to_one")
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
    preferences = _preferences(train[train["winner"].isin(["a", "b"])], distinct, inputs.responses)
    verdict = gate.check(
        frames.preferences(preferences, inputs.validated_train, inputs.prompts),
        suites.preferences(settings.validate),
        pd.Series(True, index=preferences.index),
        work,
    )
    return Outputs(
        labels[schemas.LABELS.names],
        preferences[schemas.PREFERENCES.names],
        _labelling(settings, labels, verdicts, measured, question.votes),
        _lengths(labels, inputs.responses),
        verdict.summary,
        quarantine.frame(),
        quarantine.tally(
            {"pair": len(pairs), "label": len(train)},
            {"pair": len(labels), "label": len(preferences)},
        ),
    )


def _question(pairs: pd.DataFrame, inputs: Inputs, settings: Settings, work: Work) -> Question:
    vectors = inputs.embeddings.set_index("response_id")["vector"]
    texts = inputs.responses.set_index("response_id")["text"]
    embedded = dict(zip(texts.reindex(vectors.index), vectors, strict=True))
    unnamed = inputs.known_pairs.as_posix().endswith(NO_FILE)
    return Question(
        pairs=pairs,
        scores=inputs.scores,
        settings=settings.label,
        seed=settings.seed,
        work=work,
        base=inputs.base,
        vectors=text_vectors(inputs.base, settings.embed, embedded),
        votes=batches.read(inputs.people),
        known=known.empty() if unnamed else known.read(inputs.known_pairs),
    )


def _within_budget(verdicts: Verdicts, pairs: pd.DataFrame, distinct: pd.DataFrame, settings: Label) -> None:
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


def _labelling(
    settings: Settings,
    labels: pd.DataFrame,
    verdicts: Verdicts,
    measured: dict[str, Any] | None,
    votes: pd.DataFrame,
) -> dict[str, Any]:
    """How the labels came about: who, how many of each outcome, and what is known of the labeller."""
    each = labels.drop_duplicates("pair_id")
    counts = each["winner"].value_counts()
    found: dict[str, Any] = {
        "labeller": settings.label.labeller,
        "outcomes": {name: int(counts.get(name, 0)) for name in OUTCOMES},
        "by": {str(name): int(count) for name, count in each["labeller"].value_counts().items()},
        "known_pairs": measured,
        **verdicts.facts,
    }
    if settings.label.labeller in ("human", "cascade"):
        relevant = votes[votes["pair_id"].isin(each["pair_id"])]
        found["people"] = agreement_facts(relevant, settings.label, settings.seed)
    return found


def with_texts(pairs: pd.DataFrame, prompts: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    """Pairs with what a labeller reads: text_a, text_b, messages, rule."""
    texts = responses.set_index("response_id")["text"]
    prompts = prompts.set_index("prompt_id")
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
