"""Labelers by name, found by their files: module or package NAME of `realign.labelers` declares LABELER."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from realign import discovery
from realign.config import params
from realign.config.params import NO_FILE
from realign.config.params_file import PARAMS_FILE
from realign.errors import UserError, listing
from realign.labelers.base import Labeler
from realign.store.work import Work

if TYPE_CHECKING:  # a labeler is told the shape of the data: no stage that labels imports the readers
    from realign.data.sources import Source

_PACKAGE = "realign.labelers"


def labelers() -> dict[str, Labeler]:
    """Every labeler by name, in order of name."""
    declared = {name: _declared(name) for name in discovery.names(_PACKAGE)}
    return {name: labeler for name, labeler in declared.items() if labeler is not None}


def find(name: str, key: str = "label.labeler") -> Labeler:
    """The labeler of this name, which parameter `key` names; no other one is imported.

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
    """Name of the labeler that labels without people: the first one of a cascade, else label.labeler itself."""
    first = find(settings.labeler).before_people
    return first(settings) if first else settings.labeler


def ask_again(settings: params.Label, rubric: Path, work: Work) -> int:
    """Have the abstentions of the run's labeler asked again by whoever labels next; returns on how many pairs.

    Raises:
        UserError: this labeler keeps no answers.
    """
    name = machine(settings)
    again = find(name).ask_again
    if again is None:
        raise UserError(
            f"--ask-again: {name} keeps no answers, so none is asked for again", code="label.no_answers"
        )
    return again(settings, rubric, work)


def problems(whole: params.Params, source: Source) -> list[str]:
    """What the run's labeler cannot do with these parameters and data of this shape, each with its mend."""
    settings = whole.label
    try:
        named = {settings.labeler: find(settings.labeler)}
        first = machine(settings)
        named[first] = find(first, "label.cascade.labeler")
    except UserError as error:
        return [str(error)]
    found = [problem for labeler in named.values() for problem in labeler.problems(whole)]
    labeler = named[first]
    if labeler.simulated and not source.rule:
        found.append(
            f"label.labeler: {first} knows only the builtin tasks' rule; set scores or reward_model, "
            "or prepare.source: builtin"
        )
    if labeler.needs_scores and (source.annotator is None or whole.generate.mode != "given"):
        found.append(
            f"label.labeler: {first} needs responses that came with scores; set generate.mode: given "
            "with scored data, or another labeler"
        )
    if settings.min_accuracy is not None and settings.known_pairs == NO_FILE:
        found.append("label.min_accuracy: needs pairs with known answers; name them in label.known_pairs")
    if settings.min_accuracy is not None and not labeler.labels_outside:
        found.append(f"label.min_accuracy: {first} cannot label other pairs; set null, or another labeler")
    asks = any(one.asks_people for one in named.values())
    if asks and settings.people.gold_share and settings.known_pairs == NO_FILE:
        found.append(
            "label.people.gold_share: hidden checks are taken from label.known_pairs; name it, or set 0.0"
        )
    return found


def refuse(whole: params.Params, source: Source, name: str = PARAMS_FILE) -> None:
    """Say before any work what the run's labeler cannot do.

    Raises:
        UserError: all problems are listed.
    """
    found = problems(whole, source)
    if found:
        head = f"{name} cannot be used ({len(found)} problem(s)):"
        raise UserError(listing(head, found), code="label.impossible")


def _declared(name: str) -> Labeler | None:
    labeler = getattr(importlib.import_module(f"{_PACKAGE}.{name}"), "LABELER", None)
    return labeler if isinstance(labeler, Labeler) else None
