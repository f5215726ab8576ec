"""A labeler is one file, a judge's backend is one file: CONTRIBUTING.md's are dropped in, found by name and used."""

import re
import sys
from pathlib import Path

import pytest
from judge_builders import label, pairs, request

import realign.labelers
import realign.labelers.llm_judge.backends as backends
from realign.errors import UserError
from realign.labelers import registry
from realign.labelers.llm_judge import backend

CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


def example(path):
    """The worked example that CONTRIBUTING.md gives of a file."""
    found = re.search(rf"`{re.escape(path)}`:\n\n```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert found, path
    return found[1]


@pytest.fixture
def drop(tmp_path, monkeypatch):
    """Puts a file into a package of realign, as if it lay in its folder."""

    def into(package, name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)

    return into


def test_a_labeler_is_one_file(drop, tmp_path):
    with pytest.raises(UserError):
        registry.find("shortest")
    drop(realign.labelers, "shortest", example("src/realign/labelers/shortest.py"))
    assert "shortest" in registry.labelers()
    table = pairs(6)
    labels = registry.find("shortest").label(request(tmp_path, table, label(None)))
    shorter = table["text_a"].str.len() < table["text_b"].str.len()
    assert labels.winner.tolist() == ["a" if a else "b" for a in shorter]


def test_a_backend_is_one_file(drop, tmp_path):
    with pytest.raises(UserError) as told:
        backend.find("echo")
    assert told.value.code == "judge.unknown_backend"
    drop(backends, "echo", example("src/realign/labelers/llm_judge/backends/echo.py"))
    table = pairs(5)
    wanted = request(tmp_path, table, label(None, backend="echo"))
    labels = registry.find("llm_judge").label(wanted)
    assert labels.winner.tolist() == ["a" if "The answer" in text else "b" for text in table["text_a"]]
    assert labels.consistent is not None and labels.consistent.all()
    assert labels.facts["judge"]["calls"] == 10
    assert labels.facts["judge"]["money"] == 0.0
