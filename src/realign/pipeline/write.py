"""`python -m realign.pipeline.write`: dvc.yaml, compare/pipeline.yaml and the table of stages, from the stages themselves.

Run it after a stage was added or reads, writes or needs something else. The plots of dvc.yaml are kept as they are.
"""

import graphlib
import pkgutil
from pathlib import Path

from realign.pipeline import declared
from realign.pipeline import stages as package
from realign.pipeline.table import CODE
from realign.store import artifacts

DVC_FILE, EXPERIMENT_FILE, TABLE = "dvc.yaml", "compare/pipeline.yaml", "src/realign/pipeline/table.py"
_WIDTH = 110


def files(root: Path) -> dict[str, str]:
    """What the three files should hold, by their paths in the project at `root`."""
    main, experiment = _order()
    plots = (root / DVC_FILE).read_text(encoding="utf-8").partition("\nplots:")[2]
    return {
        DVC_FILE: _MAIN + "".join(_entry(name) for name in (CODE, *main)) + "plots:" + plots,
        EXPERIMENT_FILE: _EXPERIMENT + "".join(_entry(name, "..") for name in experiment).rstrip("\n") + "\n",
        TABLE: _TABLE.format(code=CODE, stages=_names(main), experiment=_names(experiment)),
    }


_MAIN = """\
# The pipeline. Written by python -m realign.pipeline.write from the stages' own declarations, but for the plots.
# A stage == its module in src/realign/pipeline/stages. What code it stands on lies in data/code, a file a stage,
# which the stage code measures from the imports; params are the keys that it reads and that change a result.
stages:
"""

_EXPERIMENT = """\
# The equal-budget experiment of realign compare, which copies this file to compare/dvc.yaml. A pipeline of its
# own, so that arms make nothing stale in the project's. Written by python -m realign.pipeline.write.
vars:
  - ../params.yaml

stages:
"""

_TABLE = '''\
"""The stages in the order in which they run. Written by python -m realign.pipeline.write."""

CODE = "{code}"  # runs before all others: each depends on what it measures
STAGES = (
{stages}
)  # fmt: skip
EXPERIMENT = (
{experiment}
)  # fmt: skip
'''


def _names(names: list[str]) -> str:
    return "\n".join(f'    "{name}",' for name in names)


def _order() -> tuple[list[str], list[str]]:
    """The stages of the pipeline and of the experiment; a stage comes after those whose artifacts it reads.

    Of stages that do not depend on each other the one comes first whose artifacts realign.store names first.
    """
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name != CODE]
    writer = {artifact: name for name in names for artifact in declared.writes(name)}
    place = {artifact: at for at, artifact in enumerate(artifacts.ARTIFACTS)}

    def rank(name: str) -> int:
        return min(place.get(artifact, len(place)) for artifact in declared.writes(name))

    needs = {name: {writer[key] for key in declared.reads(name) if key in writer} for name in names}
    sorter = graphlib.TopologicalSorter(needs)
    sorter.prepare()
    order: list[str] = []
    ready: set[str] = set()
    while sorter.is_active():
        ready |= set(sorter.get_ready())
        first = min(ready, key=rank)
        ready.remove(first)
        order.append(first)
        sorter.done(first)
    apart = [name for name in order if getattr(declared.module(name), "EXPERIMENT", False)]
    return [name for name in order if name not in apart], apart


def _entry(name: str, home: str = "") -> str:
    """One stage as DVC reads it."""
    item = declared.items(name)
    what = (declared.module(name).__doc__ or "").partition("\n")[0].partition(": ")[2].rstrip(".")
    options = "".join(f" --{field} ${{item.{field}}}" for field in item)
    lines = [f"{name}:", f"  desc: {what}"]
    if home:
        lines += [f"  wdir: {home}"]
    if item:
        lines += [
            "  matrix:",
            *(f"    {field}: ${{{key}}}" for field, key in declared.module(name).MATRIX.items()),
        ]
    lines += [f"  cmd: python -m realign.pipeline {name}{options}", "  deps:"]
    code = [] if name == CODE else [f"{artifacts.ARTIFACTS[CODE].path}/{name}.txt"]
    deps = dict.fromkeys([*(_path(key, name) for key in declared.reads(name)), *code])
    lines += [f"    - {path}" for path in deps]
    lines += _list("params", declared.keys(name))
    outs = [(key, _path(key, name)) for key in declared.writes(name)]
    metrics = [path for key, path in outs if declared.artifact(key, name).metric]
    lines += ["  outs:", *(f"    - {path}" for _, path in outs if path not in metrics)]
    for path in metrics:
        lines += ["  metrics:", f"    - {path}:", "        cache: false"]
    return "".join(f"  {line}\n" for line in lines) + "\n"


def _path(key: str, stage: str) -> str:
    """Where an input or output lies; a stage with an item has its own part of a table that lies in parts."""
    if key in declared.FILES:
        return f"${{{declared.FILES[key]}}}"
    artifact, item = declared.artifact(key, stage), declared.items(stage)
    return artifact.path.format(**{field: f"${{item.{field}}}" for field in item}) if item else artifact.home


def _list(name: str, values: list[str]) -> list[str]:
    """A list on one line where it fits."""
    if not values:
        return []
    line = f"  {name}: [{', '.join(values)}]"
    return [line] if len(line) < _WIDTH else [f"  {name}:", *(f"    - {value}" for value in values)]


def main() -> None:
    """Write the three files of the project in the working directory."""
    root = Path.cwd()
    for path, text in files(root).items():
        if (root / path).read_text(encoding="utf-8") != text:
            artifacts.write_text(root / path, text)
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
