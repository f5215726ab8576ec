"""Whether `realign replay` is as sure as it says: coverage and false conclusions where the truth is known.

    OMP_NUM_THREADS=1 python bench/replay_coverage.py --repetitions 1000

Scored data is drawn again and again from synthetic/scored_data.py. The truth of each strategy is what it
reaches on very many prompts. 95 % intervals of label errors and of differences from random should hold it in 93 to 97
of 100; where distance says nothing at most 5 of 100 tables may call a strategy better or worse than random.
"""

import argparse
import contextlib
import io
import json
from pathlib import Path

import numpy as np
from synthetic.scored_data import scored

from realign.config import params_file
from realign.evaluation.figures import Terms
from realign.evaluation.intervals import Resampling
from realign.evaluation.paired import difference, equal, holm
from realign.experiments.replay.draws import BASELINE, Plan, Replayed, replay
from realign.selection import registry

STRATEGIES = ("easy", "hard", "centroid", "mid")
LEVEL = 0.05
SELECT = params_file.load(Path(__file__).parents[1] / "params.yaml").select


def drawn(prompts: int, seed: int, far: float, blind: bool = False) -> Replayed:
    """One data set, replayed; if `blind`, with vectors that say nothing of their responses."""
    data, vectors = scored(prompts=prompts, seed=seed, far=far)
    if blind:
        order = np.random.default_rng(seed).permutation(len(vectors))
        vectors = vectors.assign(vector=vectors["vector"].to_numpy()[order])
    plan = Plan((BASELINE, *STRATEGIES), None, 1, None, 1, (1.0,), seed, SELECT)
    with contextlib.redirect_stderr(io.StringIO()):
        return replay(data, vectors, plan, registry())


def error(found: Replayed, name: str) -> Terms:
    """Label errors and comparable pairs by prompt."""
    return found.sums[name]["label_error"]


def coverage(repetitions: int, prompts: int, truth: Replayed, far: float) -> dict[str, dict[str, float]]:
    """How often intervals hold the truth, by strategy: of the label error, and of its difference from random's."""
    held = {name: ([], []) for name in (BASELINE, *STRATEGIES)}
    for number in range(repetitions):
        found, how = drawn(prompts, number, far), Resampling(1000, 1 - LEVEL, number)
        for name, (own, apart) in held.items():
            figure = error(found, name).interval(how)
            own.append(bool(figure and figure.low <= error(truth, name).value <= figure.high))
            gap = difference(error(found, name), error(found, BASELINE), how)
            true = error(truth, name).value - error(truth, BASELINE).value
            apart.append(bool(gap and gap.low <= true <= gap.high))
    return {
        name: {"label error": float(np.mean(own))}
        | ({} if name == BASELINE else {"difference": float(np.mean(apart))})
        for name, (own, apart) in held.items()
    }


def false_conclusions(repetitions: int, prompts: int) -> float:
    """Share of tables that call a strategy better or worse though all are alike."""
    wrong = 0
    for number in range(repetitions):
        found = drawn(prompts, 10_000 + number, 0.0, blind=True)
        p = [equal(error(found, n), error(found, BASELINE), number) for n in STRATEGIES]
        wrong += min(holm(p)) < LEVEL
    return wrong / repetitions


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--far", type=float, default=0.5, help="how much annotators agree with distance")
    given = parser.parse_args()
    truth = drawn(20_000, 99_999_999, given.far)
    found = {
        "truth": {name: round(error(truth, name).value, 4) for name in (BASELINE, *STRATEGIES)},
        "coverage": coverage(given.repetitions, given.prompts, truth, given.far),
        "false conclusions": false_conclusions(given.repetitions, given.prompts),
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
