"""Labelers by name, found by their files: module or package NAME of `realign.labelers` declares LABELER."""

import importlib

from realign import discovery
from realign.config import params
from realign.config.params import NO_FILE
from realign.data import sources
from realign.errors import UserError, listing
from realign.labelers.base import Labeler

_PACKAGE = "realign.labelers"


def labelers() -> dict[str, Labeler]:
    """Every labeler by name, in order of name."""
    found = {name: _declared(name) for name in discovery.names(_PACKAGE)}
    return {name: labeler for name, labeler in found.items() if labeler is not None}


def find(name: str, key: str = "label.labeler") -> Labeler:
    """The labeler of this name; no other one is imported.

    Args:
        name: the labeler.
        key: the parameter that names it.

    Raises:
        UserError: there is none.
    """
    labeler = _declared(name) if name in discovery.names(_PACKAGE) else None
    if labeler is None:
        raise UserError(
            f"{key}: there is no labeler {name!r}; there are {', '.join(labelers())}",
            code="label.unknown_labeler",
        )
    return labeler


def machine(settings: params.Label) -> str:
    """Name of the labeler that labels without people: the judge of a cascade, else label.labeler itself."""
    first = find(settings.labeler).before_people
    return first(settings) if first else settings.labeler


def problems(whole: params.Params) -> list[str]:
    """What the run's labeler cannot do with these parameters, each with its mend."""
    settings = whole.label
    try:
        named = {settings.labeler: find(settings.labeler)}
        name = machine(settings)
        named[name] = find(name, "label.cascade.judge")
    except UserError as error:
        return [str(error)]
    found = [problem for labeler in named.values() for problem in labeler.problems(whole)]
    labeler = named[name]
    if labeler.simulated and not sources.find(whole.prepare).rule:
        found.append(
            f"label.labeler: {name} knows only the builtin tasks' rule; set scores or reward_model, "
            "or prepare.source: builtin"
        )
    if labeler.needs_scores and not sources.scored(whole):
        found.append(
            f"label.labeler: {name} needs responses that came with scores; set generate.mode: given "
            "with scored data, or another labeler"
        )
    if settings.min_judge_accuracy is not None and settings.known_pairs == NO_FILE:
        found.append(
            "label.min_judge_accuracy: needs pairs with known answers; name them in label.known_pairs"
        )
    if settings.min_judge_accuracy is not None and not labeler.labels_outside:
        found.append(
            f"label.min_judge_accuracy: {name} cannot label other pairs; set null, or another labeler"
        )
    asks = any(one.asks_people for one in named.values())
    if asks and settings.people.gold_share and settings.known_pairs == NO_FILE:
        found.append(
            "label.people.gold_share: hidden checks are taken from label.known_pairs; name it, or set 0.0"
        )
    return found


def refuse(whole: params.Params, source: str = "params.yaml") -> None:
    """Say before any work what the run's labeler cannot do.

    Raises:
        UserError: all problems are listed.
    """
    found = problems(whole)
    if found:
        head = f"{source} cannot be used ({len(found)} problem(s)):"
        raise UserError(listing(head, found), code="label.impossible")


def _declared(name: str) -> Labeler | None:
    labeler = getattr(importlib.import_module(f"{_PACKAGE}.{name}"), "LABELER", None)
    return labeler if isinstance(labeler, Labeler) else None
