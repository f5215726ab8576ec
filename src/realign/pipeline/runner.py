"""`python -m realign.pipeline NAME [--item value ...]`: load, call, write, exit status.

The only code that reads and writes artifacts; `pipeline.declared` says what a stage is.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

import pandas as pd

from realign.config import environment, params, params_file
from realign.errors import UserError, of_disk
from realign.pipeline import declared
from realign.pipeline.table import CODE, EXPERIMENT, STAGES
from realign.redact import of_environment, redact
from realign.store import artifacts
from realign.store.quarantine import Tally
from realign.store.tracked import refuse_damaged
from realign.store.work import WORK, Work

Item: TypeAlias = Any  # a stage's own NamedTuple; empty for a stage that runs once


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
        UserError: something a person can mend; DVC records nothing.
    """
    started = time.monotonic()
    stage = declared.module(name)
    everything = params_file.load(root / params_file.PARAMS_FILE)
    settings = declared.settings(name, everything)
    environment.settle(hub=_asks_hub(settings))
    environment.quiet_libraries()
    work = Work(root / WORK, name, "-".join(map(str, item)))
    if "DVC_STAGE" in work.host.environ:  # by hand, a stage may read what another one has just written
        read = [path for key in declared.reads(name) for path in _places(root, key, name, everything, item)]
        refuse_damaged(root, read)
    inputs = stage.Inputs(**{key: _read(root, key, name, everything, item) for key in declared.reads(name)})
    outputs = stage.run(inputs, settings, work, *((item,) if item else ()))
    _check_tally(name, outputs)
    for key in declared.writes(name):
        _write(root, declared.artifact(key, name), getattr(outputs, key), item)
    if declared.settings(name, params_file.load(root / params_file.PARAMS_FILE)) != settings:
        raise UserError(
            "params.yaml was changed while this ran, so DVC would record values that it did not use. Nothing is "
            "recorded; the same command runs it again",
            code="params.changed",
        )
    work.remember(time.monotonic() - started)


def main(argv: list[str] | None = None) -> int:
    """Run a stage and leave its status in `.work/<stage>.status.json`; 0 only on success."""
    parser = argparse.ArgumentParser(prog="python -m realign.pipeline", description=__doc__)
    parser.add_argument("name", choices=(CODE, *STAGES, *EXPERIMENT))
    given, rest = parser.parse_known_args(argv)
    name: str = given.name
    item = _item(name, rest)
    environment.die_with_parent()
    root = Path.cwd()
    status = root / WORK / f"{called(name, item)}.status.json"
    try:
        artifacts.write_json(status, {"status": "running"})
        execute(name, root, item)
        artifacts.write_json(status, {"status": "ok"})
    except Exception as error:
        secrets = of_environment(os.environ)
        refusal = error if isinstance(error, UserError) else of_disk(error, status)
        if refusal is None:
            _leave(status, "bug", redact(f"{type(error).__name__}: {error}", *secrets))
            traceback.print_exc()
            print(f"\n{name}: this is a bug in realign, please report the lines above.", file=sys.stderr)
            return 1
        message = redact(str(refusal), *secrets)
        left = _leave(status, refusal.status, message, refusal.code)
        if not (left and environment.reported_by_flow()):
            print(f"\n{name}: {message}\n", file=sys.stderr)
        return 2
    return 0


def _leave(path: Path, status: str, message: str, code: str = "") -> bool:
    """Write how the stage ended, in place where the disk is full; on no account does it stay "running".

    Returns:
        Whether it could be written.
    """
    content = {"status": status, "message": message} | ({"code": code} if code else {})
    try:
        artifacts.write_json(path, content)
    except UserError:
        short = json.dumps(content | {"message": message[:1000]})
        with contextlib.suppress(OSError), path.open("r+", encoding="utf-8") as stream:
            stream.write(short)
            stream.truncate()
            return True
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return False
    return True


def _item(name: str, arguments: list[str]) -> Item:
    """The item that the rest of the command line names."""
    kind = getattr(declared.module(name), "Item", None)
    parser = argparse.ArgumentParser(prog=f"python -m realign.pipeline {name}")
    for field, type_ in ({} if kind is None else get_type_hints(kind)).items():
        parser.add_argument(f"--{field}", type=type_, required=True)
    given = vars(parser.parse_args(arguments))
    return () if kind is None else kind(**given)


def _asks_hub(settings: Any) -> bool:
    values = (getattr(settings, f.name) for f in dataclasses.fields(settings))
    return any(isinstance(value, params.Section) and value.hub_names() for value in values)


def _places(root: Path, key: str, stage: str, everything: params.Params, item: Item) -> list[Path]:
    """Where an input lies; several of a table in parts."""
    if key in declared.FILES:
        return [root / str(everything.section(declared.FILES[key]))]
    artifact = declared.artifact(key, stage)
    if not artifact.by:
        return [root / artifact.path]
    parts = [item] if item else everything.compare.arms()
    return [root / artifact.path.format(**part._asdict()) for part in parts]


def _read(root: Path, key: str, stage: str, everything: params.Params, item: Item) -> Any:
    paths = _places(root, key, stage, everything, item)
    path = paths[0]
    if key in declared.FILES:
        return path
    artifact = declared.artifact(key, stage)
    if artifact.by and artifact.table:
        return pd.concat([artifacts.read_table(part, artifact.table) for part in paths], ignore_index=True)
    if artifact.table:
        return artifacts.read_table(path, artifact.table)
    if path.suffix == ".json":
        return artifacts.read_json(path)
    if not path.is_dir():
        raise UserError(
            f"{artifact.path} is not there. Run the stage that makes it: realign status names it",
            code="artifact.missing",
        )
    return path


def _write(root: Path, artifact: artifacts.Artifact, value: Any, item: Item) -> None:
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
