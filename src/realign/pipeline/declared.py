"""What the stages declare of themselves: what each reads, which keys of params.yaml, and what it writes.

A stage is a module of `realign.pipeline.stages` with
- `Inputs`: a dataclass whose fields are named after the artifacts it reads, or after FILES,
- `Settings`: a dataclass whose fields are named after the sections of params.yaml it reads; the metadata of a
  field may name another `key`, and `only` some keys of a section,
- `Outputs`: a dataclass whose fields are named after the artifacts it writes,
- `run(inputs, settings, work) -> Outputs`.
The field's type says how: a DataFrame is a table, a dict JSON, a str text, a Path a folder.

A stage that DVC runs for many items of a matrix has `Item` too, a NamedTuple of what tells them apart, each field
an option on the command line, and `MATRIX`, the keys of params.yaml that list its values; an item is the last
argument of `run`. Of a table that lies in parts it reads and writes
its own; a stage without an item reads and writes all that params.yaml names. `EXPERIMENT = True` puts a stage into
the pipeline of the equal-budget experiment. `ARTIFACTS` may add artifacts that realign.store does not know.
"""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from realign.config.params import UNTRACKED, Params, Section, tracked
from realign.store import artifacts

FILES = {
    "raw": "prepare.path",
    "known_pairs": "label.known_pairs",
    "rubric": "label.judge.rubric",
    "ledger": "label.quality_head.ledger",
    "earlier": "rewards.adapter",
}
"""Inputs that params.yaml names by path: the key that does."""


def module(name: str) -> ModuleType:
    """The module of a stage."""
    return importlib.import_module(f"realign.pipeline.stages.{name}")


def artifact(name: str, stage: str) -> artifacts.Artifact:
    """An artifact that a stage reads or writes."""
    known: Mapping[str, artifacts.Artifact] = getattr(module(stage), "ARTIFACTS", {})
    return artifacts.ARTIFACTS.get(name) or known[name]


def reads(name: str) -> list[str]:
    """Names of the artifacts and FILES that a stage reads."""
    return [field.name for field in dataclasses.fields(module(name).Inputs)]


def writes(name: str) -> list[str]:
    """Names of the artifacts that a stage writes."""
    return [field.name for field in dataclasses.fields(module(name).Outputs)]


def items(name: str) -> tuple[str, ...]:
    """What tells the items of a stage apart; nothing for a stage that runs once."""
    return tuple(getattr(getattr(module(name), "Item", None), "_fields", ()))


def keys(name: str) -> list[str]:
    """The keys of params.yaml whose change makes a stage stale: those that it reads and that change a result."""
    settings = module(name).Settings
    return [key for field in dataclasses.fields(settings) for key in _tracked(_key(field), _only(field))]


def settings(name: str, params: Params) -> Any:
    """A stage's settings: of each section only what the stage declares, so that it cannot read another key."""
    kind = module(name).Settings
    values = {}
    for field in dataclasses.fields(kind):
        value, only = params.section(_key(field)), _only(field)
        values[field.name] = value.restricted(only) if only and isinstance(value, Section) else value
    return kind(**values)


def _key(field: dataclasses.Field[Any]) -> str:
    key: str = field.metadata.get("key", field.name)
    return key


def _only(field: dataclasses.Field[Any]) -> Sequence[str]:
    only: Sequence[str] = field.metadata.get("only", ())
    return only


def _tracked(key: str, only: Sequence[str]) -> list[str]:
    """What DVC tracks for a key that a stage declares."""
    section: Any = Params
    for part in key.split("."):
        field = section.model_fields["validation" if part == "validate" else part]
        if UNTRACKED in field.metadata:
            return []
        section = field.annotation
    is_section = isinstance(section, type) and issubclass(section, Section)
    return tracked(section, key, only) if is_section else [key]
