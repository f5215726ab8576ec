"""A killed run loses no finished row, and the run that follows ends with the same bytes."""

import sqlite3
from pathlib import Path

import pytest
from killing import kill_when
from workspace import Workspace, fresh, stages_run

pytestmark = pytest.mark.integration


def test_killed_in_generate_and_in_train_ends_with_the_same_lock(finished: Workspace, tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    (project.root / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    rows = project.root / ".work/rows/generate.sqlite"
    checkpoints = project.root / ".work/checkpoints/train"

    kill_when(project, lambda: _count(rows) > 0, "run")
    survived = _count(rows)
    assert survived > 0
    assert not (project.root / "data/responses.parquet").exists()

    kill_when(project, lambda: any(checkpoints.glob("*/checkpoint-*/COMPLETE")), "run", everything=False)
    assert _count(rows) >= survived
    assert not (project.root / "models/adapter").exists()

    done = project.realign("run")
    assert done.returncode == 0, done.stdout[-3000:]
    assert stages_run(done.stdout)[0] == "train"
    assert "0/" not in _first_bar(done.stdout, "train:"), "training began anew instead of at its checkpoint"
    assert (project.root / "dvc.lock").read_text() == (finished.root / "dvc.lock").read_text()


def _count(rows: Path) -> int:
    try:
        return (
            sqlite3.connect(f"file:{rows}?mode=ro", uri=True)
            .execute("SELECT count(*) FROM rows")
            .fetchone()[0]
        )
    except sqlite3.OperationalError:
        return 0


def _first_bar(output: str, name: str) -> str:
    return next(line for line in output.splitlines() if name in line and "steps" in line)
