"""Arms whose truth is known: answers, margins and picks of an experiment that was never run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class World:
    """What is true of a synthetic experiment; effects on a probit scale.

    Attributes:
        factors: what a label of each strategy is worth in labels of the first one, the baseline.
        budgets: labels bought.
        seeds: trainings per arm.
        prompts: held-out prompts.
        slope: of the score by ln(labels).
        prompt: standard deviation of how hard prompts are.
        taste: of how much a prompt suits a strategy.
        seed: of what a training draws.
        baseline_seed: times that, for the baseline.
    """

    factors: tuple[float, ...] = (1.0, 1.6, 1.6, 1.0)
    budgets: tuple[int, ...] = (50, 100, 200, 400)
    seeds: int = 3
    prompts: int = 200
    slope: float = 0.35
    prompt: float = 1.0
    taste: float = 0.5
    seed: float = 0.1
    baseline_seed: float = 1.0

    @property
    def strategies(self) -> tuple[str, ...]:
        """random, and as many others as there are factors."""
        return ("random", *(f"other{k}" for k in range(1, len(self.factors))))

    def latent(self) -> np.ndarray:
        """Mean of the score on the probit scale. Shape (K, B)."""
        labels = np.outer(self.factors, self.budgets)
        return np.asarray(self.slope * np.log(labels / self.budgets[0]) + 0.1)

    def truth(self) -> np.ndarray:
        """Probability of success in each arm, over prompts and trainings. Shape (K, B)."""
        noise = np.array([self.seed * self.baseline_seed, *[self.seed] * (len(self.factors) - 1)])
        return np.asarray(
            stats.norm.cdf(self.latent() / np.sqrt(1 + self.prompt**2 + self.taste**2 + noise[:, None] ** 2))
        )

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """What was measured, on the probit scale: above 0 is a success. Shape (K, B, S, n)."""
        size, n = len(self.factors), self.prompts
        shape = (size, len(self.budgets), self.seeds)
        drawn = rng.normal(0, self.seed, (*shape, 1))
        drawn[0] *= self.baseline_seed
        suits = rng.normal(0, self.taste, (size, 1, 1, n))
        hard = rng.normal(0, self.prompt, n)
        return np.asarray(
            self.latent()[:, :, None, None] + hard + suits + drawn + rng.normal(size=(*shape, n))
        )

    def tables(self, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """ARM_ANSWERS, ARM_MARGINS, ARM_PICKS."""
        scores, wins = self.scores(rng), self.scores(rng)
        frame = self._frame(self.prompts, "p")
        longer = rng.normal(10, 25, wins.shape).ravel()
        base = np.tile(rng.integers(40, 160, self.prompts), len(frame) // self.prompts).astype(float)
        answers = frame.assign(
            win=((wins.ravel() + 0.01 * longer > 0) + (wins.ravel() + rng.normal(size=wins.size) > 0)) / 2,
            policy_tokens=np.maximum(1.0, base + longer),
            base_tokens=base,
            kl=rng.gamma(2.0, 1.0, wins.size),
        )
        margins = frame.assign(
            pair_id="q" + frame["prompt_id"],
            margin=scores.ravel(),
            correct=(scores.ravel() > 0).astype(float),
        )
        return answers, margins, self._picks(rng)

    def _picks(self, rng: np.random.Generator) -> pd.DataFrame:
        most = self._frame(max(self.budgets), "t")
        most = most[most["budget"] == max(self.budgets)].drop(columns="budget")
        kind = most["strategy"].map({name: k for k, name in enumerate(self.strategies)})
        gold = rng.choice(["a", "b", "tie"], len(most), p=[0.45, 0.45, 0.1])
        wrong = rng.random(len(most)) < 0.14 - 0.03 * kind
        most = most.assign(
            pair_id="q" + most["prompt_id"],
            place=most.groupby(["strategy", "seed"]).cumcount() + 1,
            gold=gold,
            winner=np.where(wrong, np.where(gold == "a", "b", "a"), gold),
            log_length_ratio=rng.normal(0, 0.8 + 0.2 * kind),
            similarity=np.clip(rng.normal(0.7 - 0.1 * kind, 0.1), -1, 1).round(5),
        )
        arms = [most[most["place"] <= b].assign(budget=b) for b in self.budgets]
        return pd.concat(arms, ignore_index=True)

    def _frame(self, prompts: int, letter: str) -> pd.DataFrame:
        names = [f"{letter}{i:04d}" for i in range(prompts)]
        index = pd.MultiIndex.from_product(
            [self.strategies, self.budgets, range(self.seeds), names],
            names=["strategy", "budget", "seed", "prompt_id"],
        )
        return index.to_frame(index=False)
