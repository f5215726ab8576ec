"""Strategy files of a branch are code that commands execute: `realign status` names those that are new before any is."""

import pytest
from typer.testing import CliRunner

from flows import cli, own_code, project


@pytest.fixture
def root(tmp_path):
    """A project with a strategy that the last run knew."""
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "known.py").write_text("def known(pool):\n    return -pool.similarity\n")
    own_code.remember(tmp_path)
    return tmp_path


def test_after_a_run_nothing_is_new(root):
    assert own_code.new(root) == []


def test_what_was_added_changed_or_never_ran_here_is_new(root):
    (root / "strategies" / "added.py").touch()
    (root / "strategies" / "_shared.py").touch()  # executed by a strategy that imports it
    (root / "strategies" / "notes.md").touch()
    (root / "strategies" / "known.py").write_text("import os\n")
    assert own_code.new(root) == ["strategies/_shared.py", "strategies/added.py", "strategies/known.py"]
    own_code.remember(root)
    assert own_code.new(root) == []
    (root / ".work" / "strategies.json").write_text("{cut")
    assert len(own_code.new(root)) == 3, "without a record nothing is known"


def test_status_names_new_files_before_it_executes_any(root, monkeypatch):
    (root / "strategies" / "bad.py").write_text("raise SystemExit('executed')\n")
    monkeypatch.setattr(project, "find", lambda: root)
    monkeypatch.setattr(project, "check", lambda root: exec((root / "strategies" / "bad.py").read_text()))
    done = CliRunner().invoke(cli.app, ["status"])
    assert "strategies/bad.py" in done.output and "strategies/known.py" not in done.output
    assert "executed" not in done.output.split("strategies/bad.py")[0]
