"""`python -m realign.pipeline NAME [--item value ...]`: load, call, write, exit status.

The only code that reads and writes artifacts. A stage is a module of `realign.pipeline.stages` with

- `Inputs`: a dataclass whose fields are named after the artifacts it reads,
- `Settings`: a dataclass whose fields are named after the params.yaml sections it reads,
- `Outputs`: a dataclass whose fields are named after the artifacts it writes,
- `run(inputs, settings, work) -> Outputs`.

The field's type says how: a DataFrame is a table, a dict JSON, a str text, a Path a folder. A field of
Settings with metadata `key` reads that key instead of the section of its name (realign.pipeline.runner.sections).

A stage that DVC runs for many items of a matrix has `Item` too, a NamedTuple of what tells them apart, each
field an option on the command line; it is the last argument of `run`. Of a table that lies in parts it reads
and writes its own; a stage without an item reads and writes all that params.yaml names.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, get_type_hints

import pandas as pd

from realign.config import environment, params, params_file
from realign.errors import UserError
from realign.store import artifacts
from realign.store.artifacts import ARTIFACTS
from realign.store.work import WORK, Tally, Work

STAGES = (
    "prepare", "base", "generate", "embed", "rewards", "pilot", "select", "validate", "label", "train", "evaluate",
    "report",
)  # fmt: skip

COMPARE = ("picks", "reference", "arm", "summary")
"""Stages of the equal-budget experiment, which has a pipeline of its own: compare/pipeline.yaml."""

Item: TypeAlias = Any  # a stage's own NamedTuple; empty for a stage that runs once

FILES = {
    "raw": lambda p: p.prepare.path,
    "known_pairs": lambda p: p.label.known_pairs,
    "rubric": lambda p: p.label.judge.rubric,
    "earlier": lambda p: p.select.implicit.adapter,
}
"""Inputs that params.yaml names by path; dvc.yaml has them as deps by the same keys."""


def module(name: str) -> ModuleType:
    """The module of a stage."""
    return importlib.import_module(f"realign.pipeline.stages.{name}")


def reads(name: str) -> list[str]:
    """Names of the artifacts and FILES that a stage reads."""
    return [f.name for f in dataclasses.fields(module(name).Inputs)]


def writes(name: str) -> list[str]:
    """Names of the artifacts that a stage writes."""
    return [f.name for f in dataclasses.fields(module(name).Outputs)]


def sections(name: str) -> list[str]:
    """Keys of params.yaml that a stage reads: whole sections, or with a dot a part of one."""
    return list(_keys(module(name).Settings).values())


def items(name: str) -> tuple[str, ...]:
    """What tells the items of a stage apart; nothing for a stage that runs once."""
    return tuple(getattr(getattr(module(name), "Item", None), "_fields", ()))


def called(name: str, item: Sequence[object] = ()) -> str:
    """The name of a stage's run, under which its status and its checkpoints lie."""
    return "-".join(map(str, (name, *item)))


def execute(name: str, root: Path, item: Item = ()) -> None:
    """Run one stage in the project at `root`.

    Args:
        name: the stage.
        root: the project.
        item: which one of a stage that is run for many.

    Raises:
        UserError: something a person can mend; nothing was written.
    """
    started = time.time()
    stage = module(name)
    everything = params_file.load(root / params_file.PARAMS_FILE)
    settings = stage.Settings(**{
        field: everything.section(key) for field, key in _keys(stage.Settings).items()
    })  # fmt: skip
    environment.settle(hub=_asks_hub(settings))
    environment.quiet_libraries()
    inputs = stage.Inputs(**{key: _read(root, key, everything, item) for key in reads(name)})
    work = Work(root / WORK, name, "-".join(map(str, item)))
    outputs = stage.run(inputs, settings, work, *((item,) if item else ()))
    _check_tally(name, outputs)
    for key in writes(name):
        _write(root, key, getattr(outputs, key), item)
    work.remember(time.time() - started)


def main(argv: list[str] | None = None) -> int:
    """Run a stage and leave its status in `.work/<stage>.status.json`; 0 only on success."""
    parser = argparse.ArgumentParser(prog="python -m realign.pipeline", description=__doc__)
    parser.add_argument("name", choices=(*STAGES, *COMPARE))
    given, rest = parser.parse_known_args(argv)
    name: str = given.name
    item = _item(name, rest)
    environment.die_with_parent()
    root = Path.cwd()
    status = root / WORK / f"{called(name, item)}.status.json"
    artifacts.write_json(status, {"status": "running"})
    try:
        execute(name, root, item)
    except UserError as error:
        artifacts.write_json(status, {"status": error.status, "message": str(error)})
        print(f"\n{name}: {error}\n", file=sys.stderr)
        return 2
    except Exception as error:
        artifacts.write_json(status, {"status": "bug", "message": f"{type(error).__name__}: {error}"})
        traceback.print_exc()
        print(f"\n{name}: this is a bug in realign, please report the lines above.", file=sys.stderr)
        return 1
    artifacts.write_json(status, {"status": "ok"})
    return 0


def _keys(settings: type[Any]) -> dict[str, str]:
    """Each field of a stage's Settings and the key that it reads."""
    return {f.name: f.metadata.get("key", f.name) for f in dataclasses.fields(settings)}


def _item(name: str, arguments: list[str]) -> Item:
    """The item that the rest of the command line names."""
    kind = getattr(module(name), "Item", None)
    parser = argparse.ArgumentParser(prog=f"python -m realign.pipeline {name}")
    for field, type_ in ({} if kind is None else get_type_hints(kind)).items():
        parser.add_argument(f"--{field}", type=type_, required=True)
    given = vars(parser.parse_args(arguments))
    return () if kind is None else kind(**given)


def _asks_hub(settings: Any) -> bool:
    values = (getattr(settings, f.name) for f in dataclasses.fields(settings))
    return any(isinstance(value, params.Section) and value.hub_names() for value in values)


def _read(root: Path, key: str, everything: params.Params, item: Item) -> Any:
    if key in FILES:
        return root / FILES[key](everything)
    artifact = ARTIFACTS[key]
    path = root / artifact.path
    if artifact.by and artifact.table:
        parts = [item] if item else everything.compare.arms()
        paths = [root / artifact.path.format(**part._asdict()) for part in parts]
        return pd.concat([artifacts.read_table(path, artifact.table) for path in paths], ignore_index=True)
    if artifact.table:
        return artifacts.read_table(path, artifact.table)
    if path.suffix == ".json":
        return artifacts.read_json(path)
    if not path.is_dir():
        raise UserError(f"{artifact.path} is not there. Run the stage that makes it: realign status names it")
    return path


def _write(root: Path, key: str, value: Any, item: Item) -> None:
    artifact = ARTIFACTS[key]
    path = root / artifact.path
    if artifact.by and artifact.table:
        if not item:
            shutil.rmtree(root / artifact.home, ignore_errors=True)
        for values, part in value.groupby(artifact.by):
            place = dict(zip(artifact.by, values, strict=True))
            artifacts.write_table(root / artifact.path.format(**place), part, artifact.table)
    elif artifact.table:
        artifacts.write_table(path, value, artifact.table)
    elif isinstance(value, Path):
        artifacts.move_folder(value, path)
    elif isinstance(value, str):
        artifacts.write_text(path, value)
    elif isinstance(value, Tally):
        artifacts.write_json(path, value.as_json())
    else:
        artifacts.write_json(path, value)


def _check_tally(name: str, outputs: Any) -> None:
    tally: Tally | None = getattr(outputs, f"tally_{name}", None)
    if tally is not None:
        quarantine: pd.DataFrame = getattr(outputs, f"quarantine_{name}")
        tally.check(quarantine)
        print(f"{name}: {tally}", file=sys.stderr)
