"""From sums over prompts to figures with intervals, and how each strategy differs from random."""

from __future__ import annotations

from typing import Any

import numpy as np

from realign.evaluation.intervals import Figure, Resampling, ratio_of_means
from realign.evaluation.paired import difference_of_ratios, equal_ratios, holm, rank_correlation
from realign.experiments.replay.draws import BASELINE, Plan, Replayed

SHOWN = (
    "label_error",
    "label_error_all",
    "score_gap",
    "ties",
    "abs_log_length_ratio",
    "longer_wins",
    "similarity",
)
_NAMES = {
    "score_gap": "gap", "ties": "tie", "abs_log_length_ratio": "apart", "longer_wins": "longer",
    "similarity": "similarity",
}  # fmt: skip
_QUANTILE_BINS = 10

Json = dict[str, Any]


def strategies(found: Replayed, plan: Plan, how: Resampling) -> dict[str, Json]:
    """Per strategy: figures with intervals, differences from random, and p of "the same label error".

    - label_error: by the main criterion, over prompts outside of a pilot that is drawn by chance;
    - label_error_all: over every label that was bought, the pilot's among them;
    - errors: by each criterion, where there are several temperatures;
    - score_gap, ties, abs_log_length_ratio, longer_wins, similarity: means over the picks;
    - similarity_with_length: Spearman of a pick's similarity with its shorter response's length.
    """
    rows: dict[str, Json] = {}
    main, *more = found.criteria
    for name in plan.strategies:
        figures = {key: _ratio(found, name, key, how) for key in SHOWN}
        shape = found.shapes[name][~np.isnan(found.shapes[name][:, 0])]
        figures["similarity_with_length"] = rank_correlation(shape[:, 0], shape[:, 1], how)
        differences = {} if name == BASELINE else {key: _difference(found, name, key, how) for key in SHOWN}
        rows[name] = {
            "labels": round(found.labels[name], 1),
            "figures": _plain(figures),
            "errors": _plain(
                {main: figures["label_error"]}
                | {c: ratio_of_means(*_columns(found, name, c), how) for c in more}
            ),
            "against_random": _plain(differences),
        }
    others = [name for name in plan.strategies if name != BASELINE]
    p = [equal_ratios(*_columns(found, n, main), *_columns(found, BASELINE, main), how.seed) for n in others]
    for name, plain, corrected in zip(others, p, holm(p), strict=True):
        rows[name] |= {"p": plain, "p_holm": corrected}
    return rows


def by_similarity(found: Replayed, how: Resampling) -> list[Json]:
    """All candidate pairs in ten bins of equal number, least alike first: error, ties, lengths."""
    facts, pool = found.facts, found.whole
    error = facts.errors[found.criteria[0]]
    edges = np.quantile(facts.similarity, np.linspace(0, 1, _QUANTILE_BINS + 1))
    place = np.clip(np.searchsorted(edges, facts.similarity, side="right") - 1, 0, _QUANTILE_BINS - 1)
    rows = []
    for number in range(_QUANTILE_BINS):
        mine = place == number
        if not mine.any():
            continue
        figures = {
            "label_error": _over_prompts(pool.prompt, error, mine, how),
            "ties": _over_prompts(pool.prompt, facts.tie, mine, how),
            "abs_log_length_ratio": _over_prompts(pool.prompt, facts.apart, mine, how),
            "longer_wins": _over_prompts(pool.prompt, facts.longer, mine, how),
        }
        low, high = float(edges[number]), float(edges[number + 1])
        rows.append(
            {"low": round(low, 5), "high": round(high, 5), "pairs": int(mine.sum())} | _plain(figures)
        )
    return rows


def about(found: Replayed, how: Resampling) -> Json:
    """The data itself: all candidate pairs of all responses."""
    pool, facts = found.whole, found.facts
    every = np.ones(len(pool.prompt), dtype=bool)
    shorter = np.log(np.minimum(pool.tokens[pool.first], pool.tokens[pool.second]))
    return {
        "prompts": len(pool.prompt_ids),
        "responses": len(pool.responses),
        "pairs": len(pool.prompt),
        "responses_a_prompt": [int(n) for n in np.quantile(np.bincount(pool.owner), [0, 0.5, 1])],
        "comparable_pairs": int((~np.isnan(facts.errors[found.criteria[0]])).sum()),
        "label_error": _json(_over_prompts(pool.prompt, facts.errors[found.criteria[0]], every, how)),
        "ties": _json(_over_prompts(pool.prompt, facts.tie, every, how)),
        "longer_wins": _json(_over_prompts(pool.prompt, facts.longer, every, how)),
        "abs_log_length_ratio": _json(_over_prompts(pool.prompt, facts.apart, every, how)),
        "similarity_with_shorter_length": _rho(pool.similarity, shorter),
        "similarity_with_length_difference": _rho(pool.similarity, facts.apart),
    }


def columns(found: Replayed, name: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Numerators and denominators by prompt of one of SHOWN. Shapes (N,), (N,)."""
    main = found.criteria[0]
    return _columns(
        found, name, {"label_error": main, "label_error_all": f"{main}_all"}.get(key) or _NAMES[key]
    )


def _columns(found: Replayed, name: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    return found.sums[name].above[key], found.sums[name].below[key]


def _ratio(found: Replayed, name: str, key: str, how: Resampling) -> Figure | None:
    return ratio_of_means(*columns(found, name, key), how)


def _difference(found: Replayed, name: str, key: str, how: Resampling) -> Figure | None:
    return difference_of_ratios(*columns(found, name, key), *columns(found, BASELINE, key), how)


def _over_prompts(
    prompt: np.ndarray, values: np.ndarray, wanted: np.ndarray, how: Resampling
) -> Figure | None:
    known = wanted & ~np.isnan(values)
    size = int(prompt.max()) + 1
    above = np.bincount(prompt[known], values[known], minlength=size)
    return ratio_of_means(above, np.bincount(prompt[known], minlength=size).astype(float), how)


def _rho(x: np.ndarray, y: np.ndarray) -> float | None:
    from scipy import stats

    return round(float(stats.spearmanr(x, y).statistic), 4) if np.ptp(x) and np.ptp(y) else None


def _plain(figures: dict[str, Figure | None]) -> Json:
    return {key: _json(figure) for key, figure in figures.items()}


def _json(figure: Figure | None) -> Json | None:
    return figure.as_json() if figure else None
