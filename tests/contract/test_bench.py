"""What benchmarks and tests share lies in bench/synthetic: a benchmark runs where there are no tests."""

import ast
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
OF_TESTS = {path.stem for path in (HOME / "tests").rglob("*.py")} | {"tests"}


@pytest.mark.parametrize("path", sorted((HOME / "bench").rglob("*.py")), ids=lambda path: path.name)
def test_bench_imports_nothing_from_tests(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in names} & OF_TESTS
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert "tests" not in words, "a path into tests"
