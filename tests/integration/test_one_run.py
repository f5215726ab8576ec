"""What a run began with holds until it ends, whoever edits params.yaml or starts another run meanwhile."""

import time
from pathlib import Path

import pytest
from workspace import Workspace, fresh

from realign.pipeline.table import STAGES

pytestmark = pytest.mark.integration

OTHERS = (("run", "--set", "seed=9"), ("compare", "--strategies", "hard,random", "--budgets", "9"))


def test_neither_a_refused_run_nor_an_edit_changes_anything_of_the_one_at_work(
    finished: Workspace, tmp_path: Path
) -> None:
    project = fresh(tmp_path / "project")
    params = project.root / "params.yaml"
    began_with = project.root / ".work" / "params.yaml"
    edits: list[str] = []
    output = tmp_path / "first.txt"
    with output.open("wb") as stream:
        run = project.start("run", "--profile", "ci", output=stream)
        for number, stage in enumerate(STAGES):
            note = project.root / ".work" / f"{stage}.status.json"
            while not note.is_file() and run.poll() is None:
                time.sleep(0.02)
            if number % 4 == 0:
                before = params.read_bytes()
                refused = project.realign(*OTHERS[number // 4 % 2])
                assert refused.returncode == 2 and "another run is at work" in refused.stdout, refused.stdout
                assert params.read_bytes() == before
            else:
                edits.append(began_with.read_text().replace("seed: 7", f"seed: {8 + len(edits)}"))
                params.write_text(edits[-1])
        assert run.wait(900) == 0, output.read_text()[-3000:]

    assert len(set(edits)) == len(edits) > 5, "the edits changed nothing"
    assert "params.yaml was changed during the run" in output.read_text()
    assert params.read_text() == edits[-1], "the last edit is in place again"
    assert "parameter seed changed from 7" in project.realign("status").stdout
    assert project.lock() == finished.lock()
