"""Stages by name: settings from the pinned params, inputs from small tables, and a run that is checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd
from unit_builders import World, raw_params, section

from realign.config import params
from realign.pipeline import declared, runner
from realign.store import artifacts
from realign.store.artifacts import ARTIFACTS
from realign.store.work import Work

NO_FILE = Path(params.NO_FILE)


def under(name: str, **values: Any) -> dict[str, Any]:
    """Values of one section by their dotted keys: `under("label", seed=1)` is `{"label.seed": 1}`."""
    return {f"{name}.{key}": value for key, value in values.items()}


def everything(changes: Mapping[str, Any] | None = None) -> params.Params:
    """All of the pinned params with other values by dotted key; each section is checked, not how they combine."""
    nested: dict[str, Any] = {}
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    values: dict[str, Any] = {}
    for name, default in raw_params().items():
        is_section = isinstance(default, dict)
        field = "validation" if name == "validate" else name
        values[field] = section(name, **nested.pop(name, {})) if is_section else nested.pop(name, default)
    assert not nested, f"params.yaml knows no {sorted(nested)}"
    return params.Params.model_construct(**values)


def settings(stage: str, changes: Mapping[str, Any] | None = None) -> Any:
    """A stage's Settings, filled from `everything` as the stage declares it."""
    return declared.settings(stage, everything(changes))


def inputs(stage: str, tables: World | None, folder: Path, **given: Any) -> Any:
    """A stage's Inputs: what is given, else the world's table, else an empty one, else a path in the folder."""
    kind = declared.module(stage).Inputs
    hints = get_type_hints(kind)
    assert given.keys() <= hints.keys(), f"{stage} reads no {sorted(given.keys() - hints.keys())}"
    values = vars(tables) if tables else {}
    return kind(**{
        name: given[name] if name in given else values.get(name, _nothing(name, hint, folder))
        for name, hint in hints.items()
    })  # fmt: skip


def _nothing(name: str, hint: Any, folder: Path) -> Any:
    if name in ("known_pairs", "ledger"):
        return NO_FILE
    if hint is pd.DataFrame:
        return pd.DataFrame(columns=ARTIFACTS[name].table.names)
    return folder / name if hint is Path else {}


def run(
    stage: str,
    tables: World | None,
    folder: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    item: Any = (),
    **given: Any,
) -> Any:
    """Run a stage in this process, and check its tables and its tally as the runner does.

    Args:
        stage: its name.
        tables: where tables come from that are not `given`.
        folder: its folder of kept rows and checkpoints.
        changes: values of params.yaml by dotted key.
        item: which one of a stage that runs for many.
        given: inputs by name.
    """
    work = Work(folder, stage, "-".join(map(str, item)))
    ready = inputs(stage, tables, folder, **given), settings(stage, changes)
    outputs = declared.module(stage).run(*ready, work, *((item,) if item else ()))
    for name, value in vars(outputs).items():
        if isinstance(value, pd.DataFrame):
            artifacts.conform(value, ARTIFACTS[name].table, name)
    runner._check_tally(stage, outputs)
    return outputs
