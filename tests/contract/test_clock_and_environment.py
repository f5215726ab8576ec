"""A stage knows no path, no clock and no environment variable: what it needs of the machine comes from store.host."""

import ast
from functools import cache
from pathlib import Path

import pytest

from realign.pipeline.table import EXPERIMENT, STAGES
from realign.store.code import closure

HOME = Path(__file__).parents[2]
HIDDEN = {
    "os.environ", "os.getenv", "os.getcwd", "Path.cwd", "Path.home", "time.time", "time.monotonic", "datetime.now",
    "datetime.today", "date.today",
}  # fmt: skip
# The runner finds the project and times the stage; the environment block sets switches for all children.
MAY_LOOK = {"realign.pipeline.runner", "realign.config.environment", "realign.store.host"}


@cache
def _looked_up(module: str, home: Path) -> tuple[str, ...]:
    """Dotted names in a module's code that read clock, environment or working directory."""
    folder = home.joinpath(*module.split(".")[1:])
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    names = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    return tuple(f"{module}:{node.lineno} {ast.unparse(node)}" for node in names if _name(node) in HIDDEN)


def _name(node: ast.Attribute) -> str:
    return f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else node.attr


@pytest.mark.parametrize("stage", [*STAGES, *EXPERIMENT])
def test_a_stage_reads_neither_clock_nor_environment(stage: str) -> None:
    modules = set(closure("realign.pipeline.runner", f"realign.pipeline.stages.{stage}")) - MAY_LOOK
    assert [line for module in sorted(modules) for line in _looked_up(module, HOME / "src" / "realign")] == []


def test_a_look_at_the_clock_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "stages" / "late.py"
    module.parent.mkdir()
    module.write_text(
        "from datetime import datetime\nimport os\nNOW, KEY = datetime.now(), os.environ['KEY']\n"
    )
    assert len(_looked_up("realign.stages.late", tmp_path)) == 2


def test_the_shape_of_params_does_not_look_at_the_disk() -> None:
    for module in ("params", "combinations"):
        text = (HOME / "src" / "realign" / "config" / f"{module}.py").read_text()
        assert not {"is_dir", "is_file", "exists", "open", "read_text"} & {
            node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)
        }, module
