"""What it all comes to, in plain sentences: which strategy the data favors, by how much, at what cost."""

import numpy as np

from realign.evaluation.figures import Json, Terms
from realign.evaluation.intervals import Resampling
from realign.evaluation.paired import difference, p_words
from realign.experiments.replay.draws import BASELINE, Plan, Replayed
from realign.experiments.replay.labeling import ERROR
from realign.store import ids

LENGTH_LIMIT = (
    1.15  # times random's mean |ln length ratio|: above it a strategy buys its labels with length bias
)
CONTROLS = (BASELINE, "length_gap")  # measured beside the others, never recommended
LENGTH = "abs_log_length_ratio"
_LEVEL = 0.05
_FEWEST = 30  # comparable pairs below which nothing is said


def conclude(result: Replayed, rows: dict[str, Json], plan: Plan, how: Resampling) -> Json:
    """The data's favorite, and what choosing it without looking is worth.

    - favorite: of the strategies whose label error is below random's, by the test after Holm's correction
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
    favorite, unbiased = (_smallest(names, rows) for names in (proven, lean))
    blind = _blind(result, plan, how)
    return {
        "favorite": favorite,
        "unbiased": unbiased,
        "blind": blind,
        "sentences": _sentences(result, rows, plan, favorite, unbiased, blind),
    }


def _sentences(
    result: Replayed,
    rows: dict[str, Json],
    plan: Plan,
    favorite: str | None,
    unbiased: str | None,
    blind: Json | None,
) -> list[str]:
    error = rows[BASELINE]["figures"]["label_error"]
    if error is None or result.sums[BASELINE][ERROR].below.sum() / plan.draws < _FEWEST:
        return [
            f"Fewer than {_FEWEST} pairs have a label that can be checked: this data says nothing about label error."
        ]
    sentences = []
    if favorite is None:
        others = {n: r for n, r in rows.items() if n not in CONTROLS}
        near = _smallest(list(others), rows)
        nearest = f"; the smallest error is {near}'s, {_against(rows, near)}" if near else ""
        sentences.append(
            f"Not distinguishable: no strategy's label error is below random's on this data{nearest}."
        )
    else:
        sentences.append(f"This data favors {favorite}: {_against(rows, favorite)}. {_cost(rows, favorite)}")
        if unbiased is None:
            sentences.append(
                "None that is better than random keeps its length difference within "
                f"{LENGTH_LIMIT:g} times random's: the gain is bought with length bias."
            )
        elif unbiased != favorite:
            sentences.append(
                f"Without more length bias than {LENGTH_LIMIT:g} times random's it favors {unbiased}: "
                f"{_against(rows, unbiased)}. {_cost(rows, unbiased)}"
            )
    worse = [
        n for n, r in rows.items()
        if n != BASELINE and r["p_holm"] < _LEVEL and r["figures"]["label_error"]["value"] > error["value"]
    ]  # fmt: skip
    if worse:
        sentences.append(f"Worse than random: {', '.join(worse)}.")
    control = rows.get("length_gap")
    if control and control["p_holm"] < _LEVEL and control["figures"]["label_error"]["value"] < error["value"]:
        sentences.append(
            f"Length alone (length_gap) has label error {control['figures']['label_error']['value']:.3f}: labels are "
            "surest where lengths differ most, so a small label error alone proves no quality."
        )
    if blind:
        sentences.append(
            f"Chosen on one half of the prompts within {LENGTH_LIMIT:g} times random's length difference "
            f"({', '.join(blind['chosen'])}) and measured on the other, the choice has label error "
            f"{blind['label_error']:.3f} against random's {blind['random']:.3f} "
            f"({_ratio(blind['label_error'], blind['random'])}), at {blind['length_ratio']:.2f} times random's length "
            "difference."
        )
    return sentences


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


def _blind(result: Replayed, plan: Plan, how: Resampling) -> Json | None:
    half = np.array([ids.uniform("half", str(plan.seed), str(p)) < 0.5 for p in result.prompt_ids])
    random, chosen = result.sums[BASELINE], []
    mixed: dict[str, Terms] = {}
    for side in (half, ~half):
        best = _best_on(result, plan, side)
        if best is None:
            return None
        chosen.append(best)
        for key in (ERROR, LENGTH):
            other_side = result.sums[best][key].where(~side)
            mixed[key] = mixed[key] + other_side if key in mixed else other_side
    apart = difference(mixed[ERROR], random[ERROR], how)
    return {
        "chosen": chosen,
        "label_error": round(mixed[ERROR].value, 6),
        "random": round(random[ERROR].value, 6),
        "difference": apart.as_json() if apart else None,
        "length_ratio": round(mixed[LENGTH].value / random[LENGTH].value, 6) if random[LENGTH].value else 1.0,
    }


def _best_on(result: Replayed, plan: Plan, side: np.ndarray) -> str | None:
    def value(name: str, key: str) -> float:
        return result.sums[name][key].where(side).value

    limit = LENGTH_LIMIT * value(BASELINE, LENGTH)
    fitting = [n for n in plan.strategies if n not in CONTROLS and value(n, LENGTH) <= limit]
    ranked = sorted((value(n, ERROR), n) for n in fitting)
    return ranked[0][1] if ranked and np.isfinite(ranked[0][0]) else None


def _smallest(names: list[str], rows: dict[str, Json]) -> str | None:
    known = [
        (rows[n]["figures"]["label_error"]["value"], n) for n in names if rows[n]["figures"]["label_error"]
    ]
    return min(known)[1] if known else None


def _length(row: Json) -> float:
    return float(row["figures"]["abs_log_length_ratio"]["value"])


def _ratio(value: float, random: float) -> str:
    return f"{value / random:.2f} times" if random else "of zero"
