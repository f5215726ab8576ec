"""Whether `realign compare` is as sure as it says: coverage, false conclusions and labels saved where the truth is known.

    OMP_NUM_THREADS=1 python bench/comparison_coverage.py --repetitions 1000

Experiments are drawn again and again from synthetic/synthetic_arms.py: hard prompts, prompts that suit
a strategy, trainings that come out differently. 95 % intervals should hold the truth in 93 to 97 of 100, and where
all strategies are alike at most 5 of 100 conclusions may name one.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
from synthetic.synthetic_arms import World

from realign.evaluation.intervals import Resampling
from realign.experiments.compare.lengths import length_controlled
from realign.experiments.compare.runs import Grid, Runs, ratio
from realign.experiments.compare.saved import saved
from realign.experiments.compare.variance import arm, difference

CONFIDENCE = 0.95
WORLDS = {
    "trainings alike": World(seed=0.0),
    "trainings differ a little": World(seed=0.1),
    "trainings differ": World(seed=0.2),
    "trainings differ much": World(seed=0.5),
    "random's trainings differ more": World(seed=0.2, baseline_seed=1.5),
    "100 prompts": World(seed=0.1, prompts=100),
    "300 prompts": World(seed=0.1, prompts=300),
    "two strategies": World(seed=0.2, factors=(1.0, 1.6)),
    "two seeds": World(seed=0.1, seeds=2),
    "five seeds": World(seed=0.1, seeds=5),
}


def accuracy(world: World, rng: np.random.Generator) -> Runs:
    """A metric made of successes, measured once in such a world."""
    scores = world.scores(rng)
    return ratio((scores > 0).astype(float), np.ones_like(scores))


def coverage(world: World, repetitions: int) -> dict[str, float]:
    """How often intervals of arms, and of differences from the baseline, hold the truth; the worst difference."""
    rng = np.random.default_rng(1)
    truth = world.truth()
    arms, budgets = [], range(len(world.budgets))
    gaps: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for _ in range(repetitions):
        runs = accuracy(world, rng)
        for b in budgets:
            for k in range(len(world.factors)):
                found = arm(runs, k, b)
                arms.append(bool(found and abs(found.value - truth[k, b]) <= found.half_width(CONFIDENCE)))
            for k in range(1, len(world.factors)):
                apart, found = truth[k, b] - truth[0, b], difference(runs, k, 0, b)
                gaps[k, b].append(bool(found and abs(found.value - apart) <= found.half_width(CONFIDENCE)))
    shares = [float(np.mean(held)) for held in gaps.values()]
    return {
        "arm": float(np.mean(arms)),
        "difference": float(np.mean(shares)),
        "worst difference": min(shares),
    }


def false_conclusions(world: World, repetitions: int) -> float:
    """Share of experiments that call a strategy better or worse though all are alike."""
    world, rng = replace(world, factors=(1.0,) * len(world.factors)), np.random.default_rng(2)
    wrong = 0
    for _ in range(repetitions):
        runs = accuracy(world, rng)
        found = [
            difference(runs, k, 0, b) for k in range(1, len(world.factors)) for b in range(len(world.budgets))
        ]
        smallest = min(one.p_value() for one in found if one)
        wrong += smallest * len(found) <= 1 - CONFIDENCE  # Holm's first step: whether it names any
    return wrong / repetitions


def labels_saved(world: World, repetitions: int, resamples: int = 400) -> dict[str, dict[str, float]]:
    """Per baseline budget, of a strategy whose truth is 1 - 1 / factor: coverage, errors, what is not reached.

    `median error` counts repetitions that do not reach the score, or reach it with the smallest budget, as errors
    beyond all others; `mean error` is of those in between.
    """
    rng = np.random.default_rng(3)
    truth = 1 - 1 / world.factors[1]
    grid = Grid(world.strategies, world.budgets, tuple(range(world.seeds)))
    rows = defaultdict(list)
    for number in range(repetitions):
        how = Resampling(resamples, CONFIDENCE, number)
        for row in saved(accuracy(world, rng), grid, how)[world.strategies[1]]:
            rows[row["labels"]].append(row)
    return {str(labels): _saved(found, truth) for labels, found in rows.items()}


def _saved(rows: list[dict[str, float | str | None]], truth: float) -> dict[str, float]:
    low = np.array([-np.inf if row["low"] is None else row["low"] for row in rows], dtype=float)
    high = np.array([row["high"] for row in rows], dtype=float)
    ends = {"no": -np.inf, "below": np.inf}
    errors = np.array([ends.get(str(row["reached"]), row["saved"]) for row in rows], dtype=float) - truth
    inside = errors[np.isfinite(errors)]
    return {
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
        "truth": truth,
        "median error": float(np.median(errors)),
        "mean error": float(inside.mean()),
        "standard deviation": float(inside.std()),
        "interval width, median": float(np.median(high - low)),
        "open below": float(np.mean(np.isinf(low))),
        "not reached": float(np.mean(np.isneginf(errors))),
        "below the smallest": float(np.mean(np.isposinf(errors))),
    }


def length_controlled_coverage(repetitions: int, prompts: int = 200, seeds: int = 3) -> dict[str, float]:
    """Four arms at two budgets whose wins depend on length: the truth is read off 200,000 prompts, a training each."""
    quality, lead = np.array([0.2, 0.5, 0.2, 0.5]), np.array([10.0, 40.0, 40.0, 10.0])

    def draw(rng: np.random.Generator, n: int, runs: int) -> Runs:
        longer = rng.normal(lead.reshape(4, 1, 1, 1), 40.0, (4, 2, runs, n))
        better = rng.normal(0, 0.8, n) + quality.reshape(4, 1, 1, 1) + 0.02 * longer
        drawn = rng.normal(0, 0.15, (4, 2, runs, 1) if runs > 1 else longer.shape)
        return length_controlled((better + drawn + rng.logistic(size=longer.shape) > 0).astype(float), longer)

    rng = np.random.default_rng(4)
    truth = draw(rng, 200_000, 1).value[:, :, 0]
    arms, gaps = [], []
    for _ in range(repetitions):
        runs = draw(rng, prompts, seeds)
        for k, b in np.ndindex(4, 2):
            found = arm(runs, k, b)
            arms.append(bool(found and abs(found.value - truth[k, b]) <= found.half_width(CONFIDENCE)))
            if k > 0:
                apart, found = truth[k, b] - truth[0, b], difference(runs, k, 0, b)
                gaps.append(bool(found and abs(found.value - apart) <= found.half_width(CONFIDENCE)))
    return {"arm": float(np.mean(arms)), "difference": float(np.mean(gaps))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--parts", default="intervals,lengths,saved")
    asked = parser.parse_args()
    parts = asked.parts.split(",")
    if "intervals" in parts:
        for name, world in WORLDS.items():
            found = coverage(world, asked.repetitions)
            found["false conclusions"] = false_conclusions(world, asked.repetitions)
            print(f"{name}: {json.dumps({key: round(value, 3) for key, value in found.items()})}", flush=True)
    if "lengths" in parts:
        print(f"length-controlled: {json.dumps(length_controlled_coverage(asked.repetitions))}", flush=True)
    if "saved" in parts:
        for factor, prompts, seed in ((1.6, 300, 0.05), (1.0, 300, 0.1), (2.5, 200, 0.1)):
            world = World(factors=(1.0, factor, 1.0, 1.0), prompts=prompts, seed=seed, slope=0.35)
            for labels, found in labels_saved(world, asked.repetitions).items():
                rounded = {key: round(value, 3) for key, value in found.items()}
                print(
                    f"saved, {prompts} prompts, seed {seed}, at {labels}: {json.dumps(rounded)}", flush=True
                )


if __name__ == "__main__":
    main()
