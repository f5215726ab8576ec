"""report: one self-contained page."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from realign.config.params import Report
from realign.evaluation.figures import FIGURES
from realign.report import charts, page
from realign.store import ids
from realign.store.labels import SIDES
from realign.store.work import Work

_COUNTED = ("prepare", "generate", "select", "validate", "label")
_GATED = ("generate", "validate", "label", "train")
_SHOWN = 2


@dataclass(frozen=True)
class Inputs:
    prompts: pd.DataFrame
    responses: pd.DataFrame
    rewards: pd.DataFrame
    pilot: pd.DataFrame
    pairs: pd.DataFrame
    labels: pd.DataFrame
    preferences: pd.DataFrame
    judgements: pd.DataFrame
    margins: pd.DataFrame
    quarantine_prepare: pd.DataFrame
    quarantine_generate: pd.DataFrame
    quarantine_select: pd.DataFrame
    quarantine_validate: pd.DataFrame
    quarantine_label: pd.DataFrame
    tally_prepare: dict[str, Any]
    tally_generate: dict[str, Any]
    tally_select: dict[str, Any]
    tally_validate: dict[str, Any]
    tally_label: dict[str, Any]
    labeling: dict[str, Any]
    gate_responses: dict[str, Any]
    gate_pairs: dict[str, Any]
    gate_preferences: dict[str, Any]
    plot_similarity: pd.DataFrame
    plot_lengths: pd.DataFrame
    plot_training: pd.DataFrame
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    strategy: str
    audit: list[str]
    report: Report


@dataclass(frozen=True)
class Outputs:
    report: str


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Lay out the results of the stages; computes no figure of its own."""
    metrics = dict(inputs.metrics)
    names = [settings.strategy, *settings.audit]
    metrics["strategies"] = {
        name: metrics["strategies"][name] for name in names if name in metrics["strategies"]
    }
    taus = metrics["factors"]["strategy"]
    by_strategy = {name: taus[name] for name in names if name in taus}
    metrics["factors"] = metrics["factors"] | {"strategy": by_strategy}
    factors = charts.strongest(metrics["factors"])
    values = {
        "title": settings.report.title,
        "strategy": settings.strategy,
        "metrics": metrics,
        "figures": [(name, one.meaning) for name, one in FIGURES.items() if name in metrics["model"]],
        "stages": _stages(inputs),
        "charts": {
            "similarity": charts.similarity(inputs.plot_similarity),
            "lengths": charts.lengths(inputs.plot_lengths),
            "training": charts.training(inputs.plot_training),
            "label_error": charts.label_error(metrics["strategies"]),
            "by_similarity": charts.error_by_similarity(metrics["by_similarity"]),
            "factors": charts.factors(by_strategy, factors),
            "calibration": charts.calibration((metrics["calibration"] or {"curve": []})["curve"]),
        },
        "labeling": inputs.labeling,
        "factor_names": factors,
        "tallies": _tallies(inputs),
        "quarantined": _quarantined(inputs),
        "gates": [
            {"gate": gate["gate"], **line}
            for gate in (inputs.gate_responses, inputs.gate_pairs, inputs.gate_preferences)
            for line in gate["expectations"]
        ],
        "pairs": _pairs(inputs, settings.report.examples),
        "answers": _answers(inputs, settings.report.examples),
    }
    return Outputs(page.render(values))


def _stages(inputs: Inputs) -> list[dict[str, Any]]:
    pairs = inputs.pairs.groupby("purpose").size()
    notes = {
        "prepare": f"{len(inputs.prompts)} prompts",
        "base": "policy",
        "generate": f"{len(inputs.responses)} responses",
        "embed": f"{inputs.responses['text'].nunique()} texts",
        "rewards": f"{len(inputs.rewards)} responses" if len(inputs.rewards) else "none needed",
        "pilot": f"{len(inputs.pilot)} labels",
        "select": f"{pairs.get('train', 0)} pairs",
        "validate": f"{inputs.tally_validate['pair']['out']} of {inputs.tally_validate['pair']['in']}",
        "label": f"{inputs.labels['pair_id'].nunique()} labels",
        "train": f"{len(inputs.preferences)} preferences",
        "evaluate": f"{inputs.judgements['prompt_id'].nunique()} prompts",
        "report": "this page",
    }
    return [{"name": name, "note": note, "gate": name in _GATED} for name, note in notes.items()]


def _tallies(inputs: Inputs) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage,
            "unit": unit,
            "rows_in": row["in"],
            "rows_out": row["out"],
            "reasons": row["quarantined"],
        }
        for stage in _COUNTED
        for unit, row in getattr(inputs, f"tally_{stage}").items()
    ]


def _quarantined(inputs: Inputs) -> list[dict[str, Any]]:
    frames = [getattr(inputs, f"quarantine_{stage}").assign(stage=stage) for stage in _COUNTED]
    rows = pd.concat(frames).groupby(["stage", "unit", "reason"], sort=True).head(_SHOWN)
    return _records(rows)


def _pairs(inputs: Inputs, count: int) -> list[dict[str, Any]]:
    gold = inputs.labels[inputs.labels["purpose"] == "train"][["pair_id", "winner", "gold"]]
    rows = inputs.preferences.merge(gold, on="pair_id")
    rows = rows.assign(wrong=rows["gold"].isin(SIDES) & (rows["gold"] != rows["winner"]), prompt=_last(rows))
    doubt = (rows["p_chosen"] - 0.5).abs()
    order = rows.assign(doubt=doubt).sort_values(["doubt", "pair_id"], kind="stable")
    half = max(1, count // 2)
    clear, unsure = (
        order.tail(half).iloc[::-1].assign(why="clearest"),
        order.head(half).assign(why="most doubtful"),
    )
    return _records(pd.concat([clear, unsure]))


def _answers(inputs: Inputs, count: int) -> list[dict[str, Any]]:
    rows = inputs.judgements.merge(inputs.prompts, on="prompt_id")
    rows = rows[rows["sample"] == 0].sort_values("prompt_id").head(count)  # ids are hashes: a fair draw
    outcome = rows["win"].map({1.0: "aligned better", 0.0: "base better", 0.5: "equal"})
    return _records(rows.assign(outcome=outcome, prompt=_last(rows)))


def _last(rows: pd.DataFrame) -> pd.Series:
    return rows["messages"].map(lambda text: ids.load_messages(text)[-1]["content"])


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]
