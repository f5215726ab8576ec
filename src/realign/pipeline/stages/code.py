"""code: the modules that each stage stands on, without comments and docstrings."""

from dataclasses import dataclass
from pathlib import Path

from realign.pipeline.table import EXPERIMENT, STAGES
from realign.store.code import closure
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    source: Path


@dataclass(frozen=True)
class Settings:
    """code has none."""


@dataclass(frozen=True)
class Outputs:
    code: Path


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """A file a stage, a line a module: its digest and its name. Every other stage depends on its own file."""
    folder = work.scratch()
    for name in (*STAGES, *EXPERIMENT):
        modules = ("realign.pipeline.runner", f"realign.pipeline.stages.{name}")
        lines = [f"{digest}  {module}\n" for module, digest in closure(*modules, home=inputs.source).items()]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    return Outputs(folder)
