"""Every key of params.yaml makes exactly those stages stale whose code reads it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from realign.config import params_file
from realign.config.params import UNTRACKED, Params, Section
from realign.pipeline import declared
from realign.pipeline.table import EXPERIMENT, STAGES
from realign.store.code import closure

HOME = Path(__file__).parents[2]
ALL = (*STAGES, *EXPERIMENT)
PARAMS = params_file.load(HOME / "params.yaml")
TRACKED: dict[str, list[str]] = {
    name: entry.get("params", [])
    for file in ("dvc.yaml", "compare/pipeline.yaml")
    for name, entry in YAML(typ="safe").load((HOME / file).read_text())["stages"].items()
}
# What a stage finds through the files or the parts that the key names, and DVC through its deps and its matrix.
BY_PATH = set(declared.FILES.values())


def _leaves(section: type[Section], prefix: str = "") -> dict[str, bool]:
    """Every key of params.yaml, and whether it may change a result."""
    found: dict[str, bool] = {}
    for name, field in section.model_fields.items():
        key, kind = prefix + (field.alias or name), field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found |= _leaves(kind, f"{key}.")
        else:
            found[key] = UNTRACKED not in field.metadata
    return found


LEAVES = _leaves(Params)


def _stale(leaf: str) -> set[str]:
    """The stages that DVC holds for stale when this key changes."""
    return {name for name, keys in TRACKED.items() if any(f"{leaf}.".startswith(f"{key}.") for key in keys)}


@cache
def _names_read(stage: str) -> frozenset[str]:
    """Names that the code of a stage looks up in anything, and strings in it."""
    modules = closure("realign.pipeline.runner", f"realign.pipeline.stages.{stage}")
    names: set[str] = set()
    for module in modules:
        if module.startswith("realign.config"):
            continue
        folder = HOME / "src" / Path(*module.split("."))
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    settings = declared.module(stage).Settings.__dataclass_fields__.values()
    return frozenset(names | {declared._key(field).rpartition(".")[2] for field in settings})


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_key_makes_stale_the_stages_that_read_it(leaf: str) -> None:
    stale = _stale(leaf)
    if not LEAVES[leaf]:
        assert stale == set(), f"{leaf} changes no result"
        return
    assert stale, f"{leaf} is read by no stage"
    name = leaf.rpartition(".")[2]
    idle = {stage for stage in stale if name not in _names_read(stage)}
    assert leaf in BY_PATH or not idle, f"{sorted(idle)} track {leaf} and never look at .{name}"
    for stage in set(ALL) - stale:
        with pytest.raises((AttributeError, KeyError)):
            _reached(declared.settings(stage, PARAMS), stage, leaf)


def _reached(settings: Any, stage: str, leaf: str) -> Any:
    """The value of a key, through whatever a stage is given."""
    for field in declared.module(stage).Settings.__dataclass_fields__.values():
        key = declared._key(field)
        if f"{leaf}.".startswith(f"{key}."):
            value = getattr(settings, field.name)
            for part in filter(None, leaf[len(key) :].split(".")):
                value = getattr(value, part)
            return value
    raise KeyError(leaf)
