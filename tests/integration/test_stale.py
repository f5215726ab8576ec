"""DVC's own word on what a changed key or an edited source file makes stale."""

import json
from pathlib import Path

import pytest
from workspace import Workspace

pytestmark = pytest.mark.integration


def stale(workspace: Workspace) -> set[str]:
    answer = workspace.run("python", "-m", "dvc", "status", "--json", "dvc.yaml").stdout
    return set(json.loads(answer[answer.index("{") :]))


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_only_what_reads_a_key_or_imports_the_code_is_stale(finished: Workspace, tmp_path: Path) -> None:
    """Each change is made on top of the last; what it makes stale is the difference."""
    workspace = finished.copy(tmp_path / "project")
    params = workspace.root / "params.yaml"
    assert stale(workspace) == set()
    for old, new in (
        ("timeout: 60.0", "timeout: 61.0"),
        ("concurrency: 8", "concurrency: 9"),
        ("checkpoint_every: 4", "checkpoint_every: 5"),
    ):
        replaced(params, old, new)
    assert stale(workspace) == set(), "a timeout, a concurrency and a checkpoint interval change no result"
    replaced(params, "\n  samples: 1", "\n  samples: 2")
    assert stale(workspace) == {"evaluate"}
    replaced(params, "min_share: 1.0", "min_share: 0.9")
    assert stale(workspace) == {"evaluate", "pilot", "label"}


def test_a_comment_reruns_no_stage_and_a_changed_line_those_that_import_it(
    finished: Workspace, tmp_path: Path
) -> None:
    workspace = finished.copy(tmp_path / "project")
    choose = workspace.root / "src" / "realign" / "selection" / "choose.py"
    choose.write_text(choose.read_text() + "# a comment\n")
    assert stale(workspace) == {"code"}
    assert workspace.dvc("repro", "-s", "code").returncode == 0
    assert stale(workspace) == set()
    choose.write_text(choose.read_text() + "ANOTHER = 1\n")
    assert workspace.dvc("repro", "-s", "code").returncode == 0
    assert stale(workspace) == {"pilot", "select"}
