"""What it all comes to, in plain sentences: which strategy the data favours, by how much, at what cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from realign.evaluation.intervals import Resampling
from realign.evaluation.paired import difference_of_ratios
from realign.experiments.replay.draws import BASELINE, Plan, Replayed
from realign.experiments.replay.figures import columns
from realign.store import ids

LENGTH_LIMIT = (
    1.15  # times random's mean |ln length ratio|: above it a strategy buys its labels with length bias
)
CONTROLS = (BASELINE, "length_gap")  # measured beside the others, never recommended
_LEVEL = 0.05
_LEAST = 0.001
_FEWEST = 30  # comparable pairs below which nothing is said

Json = dict[str, Any]


def verdict(found: Replayed, rows: dict[str, Json], plan: Plan, how: Resampling) -> Json:
    """The data's favourite, and what choosing it without looking is worth.

    - favourite: of the strategies whose label error is below random's, by the test after Holm's correction
      and by the interval of the difference, the one with the smallest; null where there is none;
    - unbiased: the same among those within LENGTH_LIMIT of random's length difference;
    - blind: the strategy with the smallest label error within LENGTH_LIMIT on one half of the prompts (halves
      by hash), measured on the other half, both ways: what a choice by this table is worth on new prompts.
    """
    proven = [
        name
        for name, row in rows.items()
        if name not in CONTROLS
        and row["p_holm"] < _LEVEL
        and (row["against_random"]["label_error"] or {"high": 0.0})["high"] < 0
    ]
    lean = [name for name in proven if _length(rows[name]) <= LENGTH_LIMIT * _length(rows[BASELINE])]
    favourite, unbiased = (_smallest(names, rows) for names in (proven, lean))
    blind = _blind(found, plan, how)
    return {
        "favourite": favourite,
        "unbiased": unbiased,
        "blind": blind,
        "sentences": _sentences(found, rows, plan, favourite, unbiased, blind),
    }


def p_words(p: float, equal: str = "") -> str:
    """A p-value to three decimals after the sign `equal`; one that would read as 0.000 is said to be below 0.001."""
    return f"< {_LEAST:g}" if p < _LEAST else f"{equal}{p:.3f}"


def _sentences(
    found: Replayed,
    rows: dict[str, Json],
    plan: Plan,
    favourite: str | None,
    unbiased: str | None,
    blind: Json | None,
) -> list[str]:
    error = rows[BASELINE]["figures"]["label_error"]
    if error is None or columns(found, BASELINE, "label_error")[1].sum() / plan.draws < _FEWEST:
        return [
            f"Fewer than {_FEWEST} pairs have a label that can be checked: this data says nothing about label error."
        ]
    said = []
    if favourite is None:
        others = {n: r for n, r in rows.items() if n not in CONTROLS}
        near = _smallest(list(others), rows)
        nearest = f"; the smallest error is {near}'s, {_against(rows, near)}" if near else ""
        said.append(
            f"Not distinguishable: no strategy's label error is below random's on this data{nearest}."
        )
    else:
        said.append(f"This data favours {favourite}: {_against(rows, favourite)}. {_cost(rows, favourite)}")
        if unbiased is None:
            said.append(
                "None that is better than random keeps its length difference within "
                f"{LENGTH_LIMIT:g} times random's: the gain is bought with length bias."
            )
        elif unbiased != favourite:
            said.append(
                f"Without more length bias than {LENGTH_LIMIT:g} times random's it favours {unbiased}: "
                f"{_against(rows, unbiased)}. {_cost(rows, unbiased)}"
            )
    worse = [
        n for n, r in rows.items()
        if n != BASELINE and r["p_holm"] < _LEVEL and r["figures"]["label_error"]["value"] > error["value"]
    ]  # fmt: skip
    if worse:
        said.append(f"Worse than random: {', '.join(worse)}.")
    control = rows.get("length_gap")
    if control and control["p_holm"] < _LEVEL and control["figures"]["label_error"]["value"] < error["value"]:
        said.append(
            f"Length alone (length_gap) has label error {control['figures']['label_error']['value']:.3f}: labels are "
            "surest where lengths differ most, so a small label error alone proves no quality."
        )
    if blind:
        said.append(
            f"Chosen on one half of the prompts within {LENGTH_LIMIT:g} times random's length difference "
            f"({', '.join(blind['chosen'])}) and measured on the other, the choice has label error "
            f"{blind['label_error']:.3f} against random's {blind['random']:.3f} "
            f"({_ratio(blind['label_error'], blind['random'])}), at {blind['length_ratio']:.2f} times random's length "
            "difference."
        )
    return said


def _against(rows: dict[str, Json], name: str) -> str:
    row, random = rows[name], rows[BASELINE]["figures"]["label_error"]["value"]
    value, difference = row["figures"]["label_error"]["value"], row["against_random"]["label_error"]
    interval = f", difference [{difference['low']:+.3f}, {difference['high']:+.3f}]" if difference else ""
    return (
        f"label error {value:.3f} instead of random's {random:.3f} ({_ratio(value, random)}{interval}; Holm-corrected "
        f"p {p_words(row['p_holm'], '= ')})"
    )


def _cost(rows: dict[str, Json], name: str) -> str:
    row, random = rows[name]["figures"], rows[BASELINE]["figures"]
    words = (
        f"Its mean |ln length ratio| is {_length(rows[name]):.2f} instead of {_length(rows[BASELINE]):.2f}"
    )
    if row["longer_wins"] and random["longer_wins"]:
        words += (
            f", and the longer response wins {100 * row['longer_wins']['value']:.0f} % instead of "
            f"{100 * random['longer_wins']['value']:.0f} % of the time"
        )
    return words + "."


def _blind(found: Replayed, plan: Plan, how: Resampling) -> Json | None:
    half = np.array([ids.uniform("half", str(plan.seed), str(p)) < 0.5 for p in found.prompt_ids])
    shape = len(found.prompt_ids)
    keys = ("label_error", "abs_log_length_ratio")
    mixed = {key: (np.zeros(shape), np.zeros(shape)) for key in keys}
    chosen = []
    for side in (half, ~half):
        best = _best_on(found, plan, side)
        if best is None:
            return None
        chosen.append(best)
        for key in keys:
            for into, part in zip(mixed[key], columns(found, best, key), strict=True):
                into[~side] = part[~side]
    random = {key: columns(found, BASELINE, key) for key in keys}
    ratio = {key: (_value(*mixed[key]), _value(*random[key])) for key in keys}
    difference = difference_of_ratios(*mixed["label_error"], *random["label_error"], how)
    apart, chance = ratio["abs_log_length_ratio"]
    return {
        "chosen": chosen,
        "label_error": round(ratio["label_error"][0], 6),
        "random": round(ratio["label_error"][1], 6),
        "difference": difference.as_json() if difference else None,
        "length_ratio": round(apart / chance, 6) if chance else 1.0,
    }


def _best_on(found: Replayed, plan: Plan, side: np.ndarray) -> str | None:
    def value(name: str, key: str) -> float:
        above, below = columns(found, name, key)
        return _value(above[side], below[side])

    limit = LENGTH_LIMIT * value(BASELINE, "abs_log_length_ratio")
    fitting = [n for n in plan.strategies if n not in CONTROLS and value(n, "abs_log_length_ratio") <= limit]
    ranked = sorted((value(n, "label_error"), n) for n in fitting)
    return ranked[0][1] if ranked and np.isfinite(ranked[0][0]) else None


def _value(above: np.ndarray, below: np.ndarray) -> float:
    return float(above.sum() / below.sum()) if below.any() else float("nan")


def _smallest(names: list[str], rows: dict[str, Json]) -> str | None:
    known = [
        (rows[n]["figures"]["label_error"]["value"], n) for n in names if rows[n]["figures"]["label_error"]
    ]
    return min(known)[1] if known else None


def _length(row: Json) -> float:
    return float(row["figures"]["abs_log_length_ratio"]["value"])


def _ratio(value: float, random: float) -> str:
    return f"{value / random:.2f} times" if random else "of zero"
