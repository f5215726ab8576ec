"""K responses sampled per prompt, a pilot labeled, every strategy's picks judged: many times over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit

from realign.config.params import Pilot, Select
from realign.errors import UserError
from realign.experiments.replay.data import Scored
from realign.progress import progress
from realign.selection import MIX, Strategy, choose, named, pilot
from realign.selection.candidates import Candidates, candidates
from realign.selection.labeled_pairs import LabeledPairs, labeled_pairs
from realign.selection.pilot import CHANCE
from realign.store import ids

BASELINE = "random"
BINS = 40


@dataclass(frozen=True)
class Plan:
    """What is replayed.

    Attributes:
        strategies: names; BASELINE is among them.
        k: responses sampled a prompt; None for all.
        draws: how often.
        budget: labels that each strategy may buy, the pilot's included; None for one of every prompt.
        pilot: pairs labeled first for strategies that learn: how many, who picks them, in what rounds.
        temperatures: of the Bradley-Terry annotator, in units of the scale; used without a second one.
        seed: of samples, pilots and random picks.
        options: the select section.
    """

    strategies: tuple[str, ...]
    k: int | None
    draws: int
    budget: int | None
    pilot: Pilot
    temperatures: tuple[float, ...]
    seed: int
    options: Select


@dataclass(frozen=True)
class Facts:
    """What is known of each candidate pair of a pool, in its order. All of shape (P,).

    Attributes:
        tie: 1 where the annotator scores both alike.
        gap: |difference of quality|, in units of the scale.
        longer: 1 where the winner is the longer one, 0 the shorter one, 0.5 equally long; NaN for a tie.
        apart: |ln(length ratio)|.
        similarity: cosine.
        errors: by criterion: probability that the label is wrong; NaN where the pair does not count.
        winner: a, b or tie, where a is the pair's first response.
    """

    tie: np.ndarray
    gap: np.ndarray
    longer: np.ndarray
    apart: np.ndarray
    similarity: np.ndarray
    errors: dict[str, np.ndarray]
    winner: np.ndarray


@dataclass
class Sums:
    """Numerators and denominators of one strategy's figures, by prompt: arrays of shape (N,) by name."""

    above: dict[str, np.ndarray] = field(default_factory=dict)
    below: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, name: str, prompts: np.ndarray, values: np.ndarray, weights: np.ndarray, size: int) -> None:
        """Count values, NaN aside, under their prompts."""
        known = ~np.isnan(values)
        for kind, what in ((self.above, values[known] * weights[known]), (self.below, weights[known])):
            part = np.bincount(prompts[known], what, minlength=size)
            kind[name] = kind[name] + part if name in kind else part


@dataclass(frozen=True)
class Replayed:
    """What all draws together say.

    Attributes:
        prompt_ids: shape (N,).
        sums: by strategy. Figures end in `_all` where pilot labels are counted in.
        shapes: by strategy, similarity and ln(shorter length) of each prompt's pick in the first draw that
            has one; NaN without. Shape (N, 2).
        histogram: by strategy, picks in each of BINS bins of similarity, all draws together; 'all' for
            candidates.
        edges: of the bins. Shape (BINS + 1,).
        labels: by strategy, labels bought in a draw, on average, the pilot's included.
        whole: all responses of all prompts, with its facts: for figures about the data itself.
        facts: of `whole`.
        criteria: names of the error criteria, the main one first.
    """

    prompt_ids: np.ndarray
    sums: dict[str, Sums]
    shapes: dict[str, np.ndarray]
    histogram: dict[str, np.ndarray]
    edges: np.ndarray
    labels: dict[str, float]
    whole: Candidates
    facts: Facts
    criteria: tuple[str, ...]


def settled(name: str, known: Mapping[str, Strategy], options: Select) -> bool:
    """Whether a strategy picks the same of the same responses in every draw; a team's own is not trusted to."""
    parts = named(list(options.mix) if name == MIX else [name], known).values()
    return all(not strategy.needs and strategy.file is None for strategy in parts)


def needs(what: str, name: str, known: Mapping[str, Strategy], options: Select) -> bool:
    """Whether a strategy, or a part of the mixture, looks at labels, or at rewards."""
    parts = list(options.mix) if name == MIX else [name]
    return any(what in strategy.needs for strategy in named(parts, known).values())


def replay(data: Scored, embeddings: pd.DataFrame, plan: Plan, known: Mapping[str, Strategy]) -> Replayed:
    """Draw, pick, judge.

    In every draw K responses of each prompt are sampled by hash; where a strategy learns, `pilot` prompts
    get a pair labeled first (selection.pilot). Strategies that learn pick among the other prompts
    and pay for the pilot; the rest pick among all. Figures are over prompts outside of a pilot that is drawn by
    chance, so that all strategies are measured on the same; those that end in `_all`, and all where a strategy
    picks the pilot, are over every label that was bought.

    Raises:
        UserError: an unknown strategy, or a pilot that leaves nothing.
    """
    everything = _pool(data.responses, embeddings, plan)
    facts = judge(everything, data, plan.temperatures)
    taught = {name for name in plan.strategies if needs("labels", name, known, plan.options)}
    size = len(everything.prompt_ids)
    _check(plan, size, bool(taught))
    edges = np.linspace(
        everything.similarity.min(),
        max(everything.similarity.max(), everything.similarity.min() + 1e-5),
        BINS + 1,
    )
    found = Replayed(
        prompt_ids=everything.prompt_ids,
        sums={name: Sums() for name in plan.strategies},
        shapes={name: np.full((size, 2), np.nan) for name in plan.strategies},
        histogram={name: np.zeros(BINS, dtype=int) for name in plan.strategies}
        | {"all": np.histogram(everything.similarity, edges)[0]},
        edges=edges,
        labels=dict.fromkeys(plan.strategies, 0.0),
        whole=everything,
        facts=facts,
        criteria=tuple(facts.errors),
    )
    complete = plan.k is None or plan.k >= data.responses.groupby("prompt_id").size().max()
    fixed: dict[str, np.ndarray] = {}
    if complete:
        free = [name for name in plan.strategies if settled(name, known, plan.options)]
        options = plan.options.model_copy(update={"budget": plan.budget})
        fixed = {name: choose(name, everything, known, options).pairs for name in free}
        everything.pair_ids()  # once, and not again for each draw
    bar = progress(plan.draws, "replay", "draws")
    for number in range(plan.draws):
        seed = int(ids.uniform("draw", str(plan.seed), str(number)) * 2**31)
        pool = everything if complete else _pool(_sample(data.responses, plan.k, seed), embeddings, plan)
        _draw(found, pool.reseeded(seed), data, embeddings, plan, known, taught, fixed)
        bar.update()
    bar.close()
    return found


def judge(pool: Candidates, data: Scored, temperatures: tuple[float, ...]) -> Facts:
    """What the annotators say of each pair.

    With a second annotator an error is a disagreement on a pair that neither ties. Without, it is the
    expected error of a Bradley-Terry (1952) annotator, sigmoid(-gap / temperature), on pairs that are no tie.
    """
    score, quality = (s.reindex(pool.responses).to_numpy(dtype=float) for s in (data.score, data.quality))
    lead = np.sign(score[pool.first] - score[pool.second])
    gap = np.abs(quality[pool.first] - quality[pool.second])
    decided = lead != 0
    errors = {}
    if data.second is not None:
        second = data.second.reindex(pool.responses).to_numpy(dtype=float)
        other = np.sign(second[pool.first] - second[pool.second])
        counts = decided & np.isfinite(other) & (other != 0)
        errors["disagreement"] = np.where(counts, (lead != other).astype(float), np.nan)
    else:
        for temperature in temperatures:
            errors[f"temperature {temperature:g}"] = np.where(decided, expit(-gap / temperature), np.nan)
    toward = lead * np.sign(pool.log_length_ratio)
    return Facts(
        tie=(~decided).astype(float),
        gap=gap,
        longer=np.where(decided, (toward + 1) / 2, np.nan),
        apart=np.abs(pool.log_length_ratio),
        similarity=pool.similarity,
        errors=errors,
        winner=np.where(lead > 0, "a", np.where(lead < 0, "b", "tie")),
    )


def _draw(
    found: Replayed,
    pool: Candidates,
    data: Scored,
    embeddings: pd.DataFrame,
    plan: Plan,
    known: Mapping[str, Strategy],
    taught: set[str],
    fixed: Mapping[str, np.ndarray],
) -> None:
    size = len(found.prompt_ids)
    facts = judge(pool, data, plan.temperatures)
    piloted, first = np.zeros(size, dtype=bool), np.zeros(0, dtype=int)
    rest = pool
    if taught:

        def ask(pairs: np.ndarray) -> LabeledPairs | None:
            return _teaches(pool, facts, pairs, data, embeddings)

        first = pilot(pool, known, plan.pilot.prompts, np.ones(len(pool.prompt), dtype=bool), plan.pilot, ask)
        piloted[pool.prompt[first]] = True
        kept = data.responses[data.responses["response_id"].isin(pool.responses[~piloted[pool.owner]])]
        rest = candidates(kept, embeddings, pool.seed, pool.options, ask(first))
    # Chance says nothing of a strategy; what a strategy picked in order to learn is its work as well.
    aside = piloted if plan.pilot.by == CHANCE else np.zeros(size, dtype=bool)
    where = np.flatnonzero(~piloted[pool.prompt])  # a pair of the rest -> the same pair of the pool
    for name in plan.strategies:
        budget = plan.budget
        if name in taught:
            budget = None if budget is None else budget - plan.pilot.prompts
            options = plan.options.model_copy(update={"budget": budget})
            pairs = where[choose(name, rest, known, options).pairs]
        elif name in fixed:
            pairs = fixed[name]
        else:
            options = plan.options.model_copy(update={"budget": budget})
            pairs = choose(name, pool, known, options).pairs
        bought = np.concatenate([first, pairs]) if name in taught else pairs
        found.labels[name] += len(bought) / plan.draws
        measured = bought[~aside[pool.prompt[bought]]]
        counted, weights = (bought, np.ones(len(bought))) if name != BASELINE else _expected(pool, len(pairs))
        apart = ~aside[pool.prompt[counted]]
        sums, prompts = found.sums[name], pool.prompt[counted]
        for criterion, errors in facts.errors.items():
            sums.add(f"{criterion}_all", prompts, errors[counted], weights, size)
            sums.add(criterion, prompts[apart], errors[counted[apart]], weights[apart], size)
        for figure in ("gap", "tie", "apart", "longer", "similarity"):
            sums.add(figure, prompts[apart], getattr(facts, figure)[counted[apart]], weights[apart], size)
        found.histogram[name] += np.histogram(facts.similarity[measured], found.edges)[0]
        fresh = measured[np.isnan(found.shapes[name][pool.prompt[measured], 0])]
        shorter = np.log(np.minimum(pool.tokens[pool.first[fresh]], pool.tokens[pool.second[fresh]]))
        found.shapes[name][pool.prompt[fresh]] = np.column_stack([facts.similarity[fresh], shorter])


def _expected(pool: Candidates, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs, and how often a random pick takes each on average: the baseline without the luck of draws."""
    chance = 1.0 / np.bincount(pool.prompt)[pool.prompt]
    return np.arange(len(pool.prompt)), chance * labels / chance.sum()


def _teaches(
    pool: Candidates, facts: Facts, pairs: np.ndarray, data: Scored, embeddings: pd.DataFrame
) -> LabeledPairs | None:
    """What the labels of these pairs teach."""
    table = pd.DataFrame(
        {
            "prompt_id": pool.prompt_ids[pool.prompt[pairs]],
            "response_a": pool.responses[pool.first[pairs]],
            "response_b": pool.responses[pool.second[pairs]],
            "winner": facts.winner[pairs],
        }
    )
    return labeled_pairs(table, data.responses, embeddings)


def _pool(responses: pd.DataFrame, embeddings: pd.DataFrame, plan: Plan) -> Candidates:
    return candidates(responses, embeddings, plan.seed, plan.options)


def _sample(responses: pd.DataFrame, k: int | None, seed: int) -> pd.DataFrame:
    """k responses of each prompt, by hash."""
    drawn = [ids.uniform("sample", str(seed), response) for response in responses["response_id"]]
    place = responses.assign(drawn=drawn).groupby("prompt_id")["drawn"].rank(method="first")
    return responses[place.to_numpy() <= (k or np.inf)]


def _check(plan: Plan, prompts: int, taught: bool) -> None:
    if not taught:
        return
    if plan.pilot.prompts >= prompts:
        raise UserError(
            f"a pilot of {plan.pilot.prompts} prompts leaves none of the {prompts} to pick from. Set a smaller --pilot"
        )
    if plan.budget is not None and plan.budget <= plan.pilot.prompts:
        raise UserError(
            f"a budget of {plan.budget} labels is spent by the pilot of {plan.pilot.prompts}. Set a larger --budget, a "
            "smaller --pilot, or leave out strategies that learn from labels"
        )
