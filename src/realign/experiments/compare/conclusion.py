"""What the comparison comes to, in plain sentences: which strategy is best, by how much, in score and in labels."""

from typing import Any

import numpy as np

from realign.evaluation.paired import holm, p_words
from realign.experiments.compare.metrics import PRIMARY, SECONDARY
from realign.experiments.compare.runs import Grid, Runs
from realign.experiments.compare.variance import difference

Json = dict[str, Any]
BETTER, WORSE, MIXED, UNKNOWN = "better", "worse", "better and worse", "not distinguishable"


def conclude(result: Json, primary: Runs, grid: Grid) -> Json:
    """Decided by the primary metric alone, over all strategies and budgets, Holm-corrected.

    - strategies: per strategy `conclusion` (better, worse, better and worse, not distinguishable), the budgets
      `better_at` and `worse_at`, and a `sentence`;
    - best: of the strategies that are better, and nowhere worse, the one with the largest mean difference over
      budgets, or null; `at`: the largest budget at which it is proven; `equals`: the others among them that cannot
      be told from it there (paired, Holm-corrected), because a best of several is partly luck;
    - sentences: the whole, the first of them the conclusion.
    """
    level = 1 - result["confidence"]
    rows = {name: _strategy(name, result, level) for name in grid.strategies[1:]}
    proven = [name for name, row in rows.items() if row["conclusion"] == BETTER]
    best = max(proven, key=lambda name: _mean_difference(name, result), default=None)
    at = max(rows[best]["better_at"]) if best else None
    equals = _equals(best, at, proven, primary, grid, level) if best and at else []
    head = {"best": best, "at": at, "equals": equals}
    return head | {"strategies": rows, "sentences": _sentences(result, rows, head)}


def _strategy(name: str, result: Json, level: float) -> Json:
    signs: dict[str, list[int]] = {BETTER: [], WORSE: []}
    for row in _differences(name, result):
        figure = row["figures"][PRIMARY]
        if figure and figure["p_holm"] is not None and figure["p_holm"] <= level:
            signs[BETTER if figure["value"] > 0 else WORSE].append(row["budget"])
    better, worse = signs[BETTER], signs[WORSE]
    word = (MIXED if worse else BETTER) if better else WORSE if worse else UNKNOWN
    row = {"conclusion": word, "better_at": better, "worse_at": worse}
    return row | {"sentence": _of_strategy(name, row, result)}


def _of_strategy(name: str, row: Json, result: Json) -> str:
    baseline = result["baseline"]
    if row["conclusion"] == UNKNOWN:
        return f"{name} is not distinguishable from {baseline} at any budget."
    parts = [
        f"{word} than {baseline} with {_listed(budgets)} labels"
        for word, budgets in ((BETTER, row["better_at"]), (WORSE, row["worse_at"]))
        if budgets
    ]
    return f"{name} is {' and '.join(parts)}."


def _sentences(result: Json, rows: dict[str, Json], head: Json) -> list[str]:
    baseline, best = result["baseline"], head["best"]
    if len(result["seeds"]) < 2:
        return [
            "Not distinguishable: every arm was trained once, so nobody knows what chance alone does. "
            "Train with at least two seeds, better three."
        ]
    if best is None:
        sentences = [f"Not distinguishable: no strategy is better than {baseline}. {_nearest(result)}"]
    else:
        rivals = f", though not distinguishable from {_listed(head['equals'])}" if head["equals"] else ""
        sentences = [
            f"{best} is best{rivals}: {_in_score(best, head['at'], result)}.",
            _in_labels(best, result),
            _win_rate(best, head["at"], result),
        ]
    other = [
        row["sentence"] for name, row in rows.items() if row["conclusion"] in (WORSE, MIXED) and name != best
    ]
    return [sentence for sentence in (*sentences, *other) if sentence]


def _in_score(name: str, budget: int, result: Json) -> str:
    there = _arm(name, budget, result)[PRIMARY]["value"]
    baseline = _arm(result["baseline"], budget, result)[PRIMARY]["value"]
    figure = _figures(name, budget, result)[PRIMARY]
    return (
        f"with {budget} labels its pair accuracy is {_share(there)} against {result['baseline']}'s {_share(baseline)} "
        f"({_points(figure)}, {_p(figure)})"
    )


def _in_labels(name: str, result: Json) -> str:
    row = headline(result["saved"][PRIMARY].get(name, []))
    if row is None:
        return "What it saves in labels is not known: that takes two budgets or more, and a score everywhere."
    goal = f"the score that {result['baseline']} has with {row['labels']}"
    if row["reached"] == "no":
        return f"It does not reach {goal} labels."
    if row["reached"] == "below":
        smallest = min(result["budgets"])
        return f"It has {goal} labels already with {smallest} or fewer: at least {_share(row['saved'], 0)} saved."
    words = f"It reaches {goal} labels with about {row['needed']:.0f}: {_saving(row['saved'])}"
    return f"{words} {_saving_interval(row)}."


def headline(rows: list[Json]) -> Json | None:
    """The row to speak of: the largest baseline budget whose score is reached for sure, else the largest."""
    sure = [row for row in rows if row["reached"] != "no" and row["low"] is not None]
    return max(sure or rows, key=lambda row: int(row["labels"]), default=None)


def _win_rate(name: str, budget: int, result: Json) -> str:
    figures = _figures(name, budget, result)
    raw, level = figures[SECONDARY], figures["lc_win_rate"]
    if raw is None:
        return ""
    sure = raw["p_holm"] is not None and raw["p_holm"] <= 1 - result["confidence"]
    word = ("higher too" if raw["value"] > 0 else "lower") if sure else "not distinguishable"
    controlled = f"; at equal lengths {_points(level)}" if level else ""
    return f"Its win rate against the base is {word}: {_points(raw)}, {_p(raw)}{controlled}."


def _nearest(result: Json) -> str:
    rows = [row for row in result["differences"] if row["figures"][PRIMARY]]
    if not rows:
        return ""
    row = max(rows, key=lambda row: float(row["figures"][PRIMARY]["value"]))
    figure = row["figures"][PRIMARY]
    return (
        f"The largest difference in pair accuracy is {row['strategy']}'s with {row['budget']} labels: "
        f"{_points(figure)}, {_p(figure)}."
    )


def _equals(best: str, budget: int, proven: list[str], primary: Runs, grid: Grid, level: float) -> list[str]:
    rivals = [name for name in proven if name != best]
    places = [grid.strategies.index(name) for name in (best, *rivals)]
    apart = [difference(primary, places[0], k, grid.budgets.index(budget)) for k in places[1:]]
    p_values = holm([1.0 if one is None else one.p_value() for one in apart])
    return [name for name, p in zip(rivals, p_values, strict=True) if p > level]


def _mean_difference(name: str, result: Json) -> float:
    return float(np.mean([row["figures"][PRIMARY]["value"] for row in _differences(name, result)]))


def _differences(name: str, result: Json) -> list[Json]:
    return [row for row in result["differences"] if row["strategy"] == name]


def _figures(name: str, budget: int, result: Json) -> Json:
    return next(row["figures"] for row in _differences(name, result) if row["budget"] == budget)


def _arm(name: str, budget: int, result: Json) -> Json:
    return next(r["figures"] for r in result["arms"] if (r["strategy"], r["budget"]) == (name, budget))


def _saving(value: float) -> str:
    return f"{_share(value, 0)} saved" if value >= 0 else f"{_share(-value, 0)} more"


def _saving_interval(row: Json) -> str:
    low = "not known" if row["low"] is None else _share(row["low"], 0)
    return f"[{low} to {_share(row['high'], 0)}]"


def _points(figure: Json) -> str:
    return f"{100 * figure['value']:+.1f} points [{100 * figure['low']:+.1f}, {100 * figure['high']:+.1f}]"


def _p(figure: Json) -> str:
    return f"Holm-corrected p {p_words(figure['p_holm'], '= ')}"


def _share(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def _listed(names: list[Any]) -> str:
    words = [str(name) for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
