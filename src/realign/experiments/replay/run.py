"""One replay from a file to its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from realign.config.params import Params, Pilot
from realign.errors import UserError
from realign.evaluation.intervals import Resampling
from realign.experiments.replay import figures
from realign.experiments.replay.conclusion import conclude
from realign.experiments.replay.data import Scored, read
from realign.experiments.replay.draws import BASELINE, Plan, replay
from realign.experiments.replay.vectors import embeddings, source
from realign.selection import MIX, Strategy, named, needing, pilot_problem, registry
from realign.selection.select import histogram_rows
from realign.store.artifacts import ARTIFACTS
from realign.store.work import WORK, Work

TEMPERATURES = (0.25, 0.5, 1.0)  # in units of the mean |gap| of two responses to a prompt


@dataclass(frozen=True)
class Request:
    """What is to be replayed; None leaves a choice to the data or to params.yaml.

    Attributes:
        data: file of any shape that brings scores.
        strategies: names; None for all that can run.
        k: responses sampled a prompt; None for all.
        draws: how often.
        budget: labels for each strategy, the pilot's included; None for one of every prompt.
        pilot: prompts labeled first for strategies that learn.
        pilot_by: who picks the pilot's pairs; None for params.yaml's.
        pilot_round: labels a round of the pilot; None for params.yaml's.
        encoder: see replay.vectors.source.
        annotator: whose scores label.
        second: whose scores check.
        seed: None for params.yaml's.
    """

    data: Path
    strategies: tuple[str, ...] | None
    k: int | None
    draws: int
    budget: int | None
    pilot: int
    pilot_by: str | None
    pilot_round: int | None
    encoder: str | None
    annotator: str | None
    second: str | None
    seed: int | None


def run(root: Path, params: Params, request: Request) -> dict[str, Any]:
    """Everything that a table, a JSON file or a page shows.

    Raises:
        UserError: the file, an option or a strategy cannot be used.
    """
    work = Work(root / WORK, "replay")
    known = registry(root / ARTIFACTS["strategies"].path)
    names = shown(params, known) if request.strategies is None else request.strategies
    if not names:
        raise UserError("--strategies names none; leave it out for all", code="replay.no_strategies")
    named([name for name in names if name != MIX], known)
    if MIX in names and not params.select.mix:
        raise UserError(
            f"{MIX}: has no parts; name them in select.mix (params.yaml)", code="strategy.mix_empty"
        )
    rewarded = needing("rewards", names, params.select, known)
    if rewarded:
        raise UserError(
            f"{', '.join(rewarded)}: picks by a policy's own reward of each response, and a replay has texts and scores "
            "but no policy. Leave it out here, and have a run measure it: realign run --set 'audit=[NAME]' --set "
            "rewards.reward=base (or adapter, docs/operations.md)",
            code="strategy.no_rewards",
        )
    names = (BASELINE, *(name for name in dict.fromkeys(names) if name != BASELINE))
    pilot = _pilot(params.pilot, request, known)
    options = params.select
    data = read(request.data, params, request.annotator, request.second)
    origin = source(root, params, request.encoder)
    vectors = embeddings(data.responses, origin, work)
    data = _with_direction(data, set(vectors["response_id"]))
    plan = Plan(
        strategies=names,
        k=request.k,
        draws=request.draws,
        budget=request.budget,
        pilot=pilot,
        temperatures=_temperatures(data),
        seed=params.seed if request.seed is None else request.seed,
        options=options,
    )
    result = replay(data, vectors, plan, known)
    how = Resampling(params.evaluate.resamples, params.evaluate.confidence, plan.seed)
    rows = figures.strategies(result, plan, how)
    return {
        "data": {
            "name": request.data.name,
            "shape": data.shape,
            "annotator": data.annotator,
            "second": data.checker,
            "scale": data.scale,
            "set_aside": data.set_aside,
            **figures.about(result, how),
        },
        "settings": {
            "k": plan.k,
            "draws": plan.draws,
            "budget": plan.budget,
            "pilot": pilot.prompts,
            "pilot_by": pilot.by,
            "pilot_round": pilot.round,
            "learned": needing("labels", plan.strategies, plan.options, known),
            "encoder": origin.name,
            "criteria": list(result.criteria),
            "seed": plan.seed,
            "confidence": how.confidence,
            "resamples": how.resamples,
        },
        "strategies": rows,
        "by_similarity": figures.by_similarity(result, how),
        "histogram": histogram_rows(result.edges, result.histogram).to_dict("records"),
        "conclusion": conclude(result, rows, plan, how),
    }


def shown(params: Params, known: Mapping[str, Strategy]) -> tuple[str, ...]:
    """Strategies that are replayed where none is named: all but those that need implicit rewards."""
    names = (*known, MIX) if params.select.mix else tuple(known)
    rewarded = needing("rewards", names, params.select, known)
    return tuple(name for name in names if name not in rewarded)


def _pilot(settings: Pilot, request: Request, known: Mapping[str, Strategy]) -> Pilot:
    """The pilot section as this replay has it.

    Raises:
        UserError: nobody of this name can pick a pilot.
    """
    given = {"prompts": request.pilot, "by": request.pilot_by, "round": request.pilot_round}
    pilot = settings.model_copy(update={key: value for key, value in given.items() if value is not None})
    problem = pilot_problem(pilot.by, known)
    if problem:
        raise UserError(f"--pilot-by: {problem}", code="pilot.by")
    return pilot


def _temperatures(data: Scored) -> tuple[float, ...]:
    """TEMPERATURES in units of the scale; the middle one first, as the main criterion."""
    quality = data.quality.to_numpy(dtype=float)
    prompts = data.responses["prompt_id"].to_numpy()
    spreads = [np.abs(np.subtract.outer(q, q)) for q in (quality[prompts == p] for p in np.unique(prompts))]
    pairs = np.concatenate([s[np.triu_indices(len(s), 1)] for s in spreads])
    unit = float(pairs.mean()) or 1.0
    return tuple(float(f"{unit * t:.3g}") for t in (TEMPERATURES[1], TEMPERATURES[0], TEMPERATURES[2]))


def _with_direction(data: Scored, known: set[str]) -> Scored:
    """Without responses that have no vector, and prompts that then offer no pair."""
    kept = data.responses[data.responses["response_id"].isin(known)]
    kept = kept[kept.groupby("prompt_id")["response_id"].transform("size") >= 2]
    if kept.empty:
        raise UserError(
            "no prompt has two responses with a vector: are all texts empty to this encoder?",
            code="replay.no_vectors",
        )
    lost = len(data.responses) - len(kept)
    aside = data.set_aside | ({"no_vector": lost} if lost else {})
    return replace(data, responses=kept.reset_index(drop=True), set_aside=aside)
