"""From sums over prompts to figures with intervals, and how each strategy differs from random."""

import numpy as np

from realign.evaluation.figures import Json, Terms, as_json, interval
from realign.evaluation.figures import by_similarity as in_bins
from realign.evaluation.intervals import Resampling
from realign.evaluation.paired import difference, equal, holm, rank_correlation
from realign.experiments.replay.draws import BASELINE, Plan, Replayed
from realign.experiments.replay.labeling import ERROR

_QUANTILE_BINS = 10


def strategies(result: Replayed, plan: Plan, how: Resampling) -> dict[str, Json]:
    """Per strategy: figures with intervals, differences from random, and p of "the same label error".

    - label_error: by the main criterion, over prompts outside of a pilot that is drawn by chance;
    - label_error_all: over every label that was bought, the pilot's among them;
    - errors: by each criterion, where there are several temperatures;
    - the other figures of the table (evaluation.figures), over the picks;
    - similarity_with_length: Spearman of a pick's similarity with its shorter response's length.
    """
    rows: dict[str, Json] = {}
    main, *more = result.criteria
    random = result.sums[BASELINE]
    for name in plan.strategies:
        sums = result.sums[name]
        figures = {key: part.interval(how) for key, part in sums.items()}
        errors = {main: figures[ERROR]} | {key: figures.pop(key) for key in more}
        differences = {key: difference(sums[key], random[key], how) for key in figures if name != BASELINE}
        shape = result.shapes[name][~np.isnan(result.shapes[name][:, 0])]
        figures["similarity_with_length"] = rank_correlation(shape[:, 0], shape[:, 1], how)
        rows[name] = {
            "labels": round(result.labels[name], 1),
            "figures": as_json(figures),
            "errors": as_json(errors),
            "against_random": as_json(differences),
        }
    others = [name for name in plan.strategies if name != BASELINE]
    p = [equal(result.sums[name][ERROR], random[ERROR], how.seed) for name in others]
    for name, plain, corrected in zip(others, p, holm(p), strict=True):
        rows[name] |= {"p": plain, "p_holm": corrected}
    return rows


def by_similarity(result: Replayed, how: Resampling) -> list[Json]:
    """All candidate pairs in ten bins of equal number, see evaluation.figures.by_similarity."""
    pool = result.whole
    return in_bins(_main(result), pool.similarity, pool.prompt, _QUANTILE_BINS, how)


def about(result: Replayed, how: Resampling) -> Json:
    """The data itself: all candidate pairs of all responses."""
    pool = result.whole
    shorter = np.log(np.minimum(pool.tokens[pool.first], pool.tokens[pool.second]))
    return {
        "prompts": len(pool.prompt_ids),
        "responses": len(pool.responses),
        "pairs": len(pool.prompt),
        "responses_a_prompt": [int(n) for n in np.quantile(np.bincount(pool.owner), [0, 0.5, 1])],
        "comparable_pairs": int(result.terms[ERROR].below.sum()),
        **as_json({key: interval(part, pool.prompt, how) for key, part in _main(result).items()}),
        "similarity_with_shorter_length": _rho(pool.similarity, shorter),
        "similarity_with_length_difference": _rho(pool.similarity, np.abs(pool.log_length_ratio)),
    }


def _main(result: Replayed) -> dict[str, Terms]:
    """The figures of all pairs, of several criteria of an error the main one alone."""
    return {key: part for key, part in result.terms.items() if key not in result.criteria}


def _rho(x: np.ndarray, y: np.ndarray) -> float | None:
    from scipy import stats

    return round(float(stats.spearmanr(x, y).statistic), 4) if np.ptp(x) and np.ptp(y) else None
