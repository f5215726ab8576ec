"""K responses sampled per prompt, a pilot labeled, every strategy's picks measured: many times over."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.config.params import Pilot, Select
from realign.errors import UserError
from realign.evaluation.figures import Terms
from realign.experiments.replay.data import Scored
from realign.experiments.replay.labeling import ERROR, criteria, labels, terms
from realign.progress import progress
from realign.selection import Strategy, choose, named, needing, parts
from realign.selection.candidates import Candidates, candidates
from realign.selection.labeled_pairs import LabeledPairs, labeled_pairs
from realign.selection.pilot import CHANCE, pilot
from realign.selection.select import BINS, edges
from realign.store import ids

BASELINE = "random"
ALL_LABELS = "label_error_all"


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
class Replayed:
    """What all draws together say.

    Attributes:
        prompt_ids: shape (N,).
        sums: by strategy and figure, a row a prompt; ALL_LABELS is the label error with pilot labels counted in,
            and further criteria of an error stand under their own names.
        shapes: by strategy, similarity and ln(shorter length) of each prompt's pick in the first draw that
            has one; NaN without. Shape (N, 2).
        histogram: by strategy, picks in each of BINS bins of similarity, all draws together; 'all' for
            candidates.
        edges: of the bins. Shape (BINS + 1,).
        labels: by strategy, labels bought in a draw, on average, the pilot's included.
        whole: all responses of all prompts: for figures about the data itself.
        terms: of the figures of all its pairs.
        criteria: names of the error criteria, the main one first.
    """

    prompt_ids: np.ndarray
    sums: dict[str, dict[str, Terms]]
    shapes: dict[str, np.ndarray]
    histogram: dict[str, np.ndarray]
    edges: np.ndarray
    labels: dict[str, float]
    whole: Candidates
    terms: dict[str, Terms]
    criteria: tuple[str, ...]


def settled(name: str, known: Mapping[str, Strategy], options: Select) -> bool:
    """Whether a strategy picks the same of the same responses in every draw; a team's own is not trusted to."""
    whole = named(parts([name], options), known).values()
    return all(not strategy.needs and strategy.file is None for strategy in whole)


def replay(data: Scored, embeddings: pd.DataFrame, plan: Plan, known: Mapping[str, Strategy]) -> Replayed:
    """Draw, pick, measure.

    In every draw K responses of each prompt are sampled by hash; where a strategy learns, `pilot` prompts
    get a pair labeled first (selection.pilot). Strategies that learn pick among the other prompts
    and pay for the pilot; the rest pick among all. Figures are over prompts outside of a pilot that is drawn by
    chance, so that all strategies are measured on the same; ALL_LABELS, and all where a strategy picks
    the pilot, are over every label that was bought.

    Raises:
        UserError: an unknown strategy, or a pilot that leaves nothing.
    """
    everything = _pool(data.responses, embeddings, plan)
    rows = labels(everything, data)
    learners = set(needing("labels", plan.strategies, plan.options, known))
    size = len(everything.prompt_ids)
    _check(plan, size, bool(learners))
    at = edges(everything)
    result = Replayed(
        prompt_ids=everything.prompt_ids,
        sums={name: {} for name in plan.strategies},
        shapes={name: np.full((size, 2), np.nan) for name in plan.strategies},
        histogram={name: np.zeros(BINS, dtype=int) for name in plan.strategies}
        | {"all": np.histogram(everything.similarity, at)[0]},
        edges=at,
        labels=dict.fromkeys(plan.strategies, 0.0),
        whole=everything,
        terms=terms(rows, plan.temperatures),
        criteria=criteria(data, plan.temperatures),
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
        if pool is not everything:
            rows = labels(pool, data)
        _draw(result, pool.reseeded(seed), rows, data, embeddings, plan, known, learners, fixed)
        bar.update()
    bar.close()
    return result


def _draw(
    result: Replayed,
    pool: Candidates,
    rows: pd.DataFrame,
    data: Scored,
    embeddings: pd.DataFrame,
    plan: Plan,
    known: Mapping[str, Strategy],
    learners: set[str],
    fixed: Mapping[str, np.ndarray],
) -> None:
    size = len(result.prompt_ids)
    of = terms(rows, plan.temperatures)
    piloted, first = np.zeros(size, dtype=bool), np.zeros(0, dtype=int)
    rest = pool
    if learners:

        def learn(pairs: np.ndarray) -> LabeledPairs | None:
            labeled = rows.iloc[pairs].assign(prompt_id=pool.prompt_ids[pool.prompt[pairs]])
            return labeled_pairs(labeled, data.responses, embeddings)

        sound = np.ones(len(pool.prompt), dtype=bool)
        first = pilot(pool, known, plan.pilot.prompts, sound, plan.pilot, learn)
        piloted[pool.prompt[first]] = True
        kept = data.responses[data.responses["response_id"].isin(pool.responses[~piloted[pool.owner]])]
        rest = candidates(kept, embeddings, pool.seed, pool.options, learn(first))
    # Chance says nothing of a strategy; what a strategy picked in order to learn is its work as well.
    aside = piloted if plan.pilot.by == CHANCE else np.zeros(size, dtype=bool)
    where = np.flatnonzero(~piloted[pool.prompt])  # a pair of the rest -> the same pair of the pool
    for name in plan.strategies:
        spent = len(first) if name in learners else 0
        budget = None if plan.budget is None else plan.budget - spent
        options = plan.options.model_copy(update={"budget": budget})
        if name in learners:
            pairs = where[choose(name, rest, known, options).pairs]
        elif name in fixed:
            pairs = fixed[name]
        else:
            pairs = choose(name, pool, known, options).pairs
        bought = np.concatenate([first, pairs]) if name in learners else pairs
        result.labels[name] += len(bought) / plan.draws
        measured = bought[~aside[pool.prompt[bought]]]
        counted, weights = (bought, np.ones(len(bought))) if name != BASELINE else _expected(pool, len(pairs))
        apart = ~aside[pool.prompt[counted]]
        sums = result.sums[name]
        for figure, part in of.items():
            outside = part[counted[apart]].by_prompt(pool.prompt[counted[apart]], size, weights[apart])
            sums[figure] = sums[figure] + outside if figure in sums else outside
        every = of[ERROR][counted].by_prompt(pool.prompt[counted], size, weights)
        sums[ALL_LABELS] = sums[ALL_LABELS] + every if ALL_LABELS in sums else every
        result.histogram[name] += np.histogram(pool.similarity[measured], result.edges)[0]
        fresh = measured[np.isnan(result.shapes[name][pool.prompt[measured], 0])]
        shorter = np.log(np.minimum(pool.tokens[pool.first[fresh]], pool.tokens[pool.second[fresh]]))
        result.shapes[name][pool.prompt[fresh]] = np.column_stack([pool.similarity[fresh], shorter])


def _expected(pool: Candidates, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs, and how often a random pick takes each on average: the baseline without the luck of draws."""
    chance = 1.0 / np.bincount(pool.prompt)[pool.prompt]
    return np.arange(len(pool.prompt)), chance * labels / chance.sum()


def _pool(responses: pd.DataFrame, embeddings: pd.DataFrame, plan: Plan) -> Candidates:
    return candidates(responses, embeddings, plan.seed, plan.options)


def _sample(responses: pd.DataFrame, k: int | None, seed: int) -> pd.DataFrame:
    """k responses of each prompt, by hash."""
    drawn = [ids.uniform("sample", str(seed), response) for response in responses["response_id"]]
    place = responses.assign(drawn=drawn).groupby("prompt_id")["drawn"].rank(method="first")
    return responses[place.to_numpy() <= (k or np.inf)]


def _check(plan: Plan, prompts: int, learns: bool) -> None:
    if not learns:
        return
    if plan.pilot.prompts >= prompts:
        raise UserError(
            f"a pilot of {plan.pilot.prompts} prompts leaves none of the {prompts} to pick from. Set a smaller --pilot",
            code="pilot.too_large",
        )
    if plan.budget is not None and plan.budget <= plan.pilot.prompts:
        raise UserError(
            f"a budget of {plan.budget} labels is spent by the pilot of {plan.pilot.prompts}. Set a larger --budget, a "
            "smaller --pilot, or leave out strategies that learn from labels",
            code="pilot.takes_budget",
        )
