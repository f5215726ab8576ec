"""`python -m realign.stage NAME`: load, call, write, exit status.

The only code that reads and writes artifacts. A stage is a module of `realign.stages` with

- `Inputs`: a dataclass whose fields are named after the artifacts it reads,
- `Settings`: a dataclass whose fields are named after the params.yaml sections it reads,
- `Outputs`: a dataclass whose fields are named after the artifacts it writes,
- `run(inputs, settings, work) -> Outputs`.

The field's type says how: a DataFrame is a table, a dict JSON, a str text, a Path a folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from realign.core import artifacts, environment, params
from realign.core.artifacts import ARTIFACTS
from realign.core.errors import UserError
from realign.core.work import Tally, Work

STAGES = (
    "prepare", "base", "generate", "embed", "pilot", "select", "validate", "label", "train", "evaluate", "report",
)  # fmt: skip

WORK = Path(".work")

FILES = {
    "raw": lambda p: p.prepare.path,
    "known_pairs": lambda p: p.label.known_pairs,
    "rubric": lambda p: p.label.judge.rubric,
}
"""Inputs that params.yaml names by path; dvc.yaml has them as deps by the same keys."""


def module(name: str) -> ModuleType:
    """The module of a stage."""
    return importlib.import_module(f"realign.stages.{name}")


def reads(name: str) -> list[str]:
    """Names of the artifacts and FILES that a stage reads."""
    return [f.name for f in dataclasses.fields(module(name).Inputs)]


def writes(name: str) -> list[str]:
    """Names of the artifacts that a stage writes."""
    return [f.name for f in dataclasses.fields(module(name).Outputs)]


def sections(name: str) -> list[str]:
    """Top-level keys of params.yaml that a stage reads."""
    return [f.name for f in dataclasses.fields(module(name).Settings)]


def execute(name: str, root: Path) -> None:
    """Run one stage in the project at `root`.

    Raises:
        UserError: something a person can mend; nothing was written.
    """
    started = time.time()
    stage = module(name)
    everything = params.load(root / params.PARAMS_FILE)
    settings = stage.Settings(**{key: everything.section(key) for key in sections(name)})
    environment.settle(hub=_asks_hub(settings))
    environment.quiet_libraries()
    inputs = stage.Inputs(**{key: _read(root, key, everything) for key in reads(name)})
    work = Work(root / WORK, name)
    outputs = stage.run(inputs, settings, work)
    _check_tally(name, outputs)
    for key in writes(name):
        _write(root, key, getattr(outputs, key))
    work.remember(time.time() - started)


def main(argv: list[str] | None = None) -> int:
    """Run a stage and leave its status in `.work/<stage>.status.json`; 0 only on success."""
    parser = argparse.ArgumentParser(prog="python -m realign.stage", description=__doc__)
    parser.add_argument("name", choices=STAGES)
    name: str = parser.parse_args(argv).name
    environment.die_with_parent()
    root = Path.cwd()
    status = root / WORK / f"{name}.status.json"
    artifacts.write_json(status, {"status": "running"})
    try:
        execute(name, root)
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


def _asks_hub(settings: Any) -> bool:
    values = (getattr(settings, f.name) for f in dataclasses.fields(settings))
    return any(isinstance(value, params.Section) and value.hub_names() for value in values)


def _read(root: Path, key: str, everything: params.Params) -> Any:
    if key in FILES:
        return root / FILES[key](everything)
    artifact = ARTIFACTS[key]
    path = root / artifact.path
    if artifact.table:
        return artifacts.read_table(path, artifact.table)
    if path.suffix == ".json":
        return artifacts.read_json(path)
    if not path.is_dir():
        raise UserError(f"{artifact.path} is not there. Run the stage that makes it: realign status names it")
    return path


def _write(root: Path, key: str, value: Any) -> None:
    artifact = ARTIFACTS[key]
    path = root / artifact.path
    if artifact.table:
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


if __name__ == "__main__":
    sys.exit(main())
