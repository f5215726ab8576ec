"""What a run began with holds until it ends, whoever edits params.yaml or starts another run meanwhile."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from workspace import Workspace, fresh

from realign.pipeline.table import STAGES

pytestmark = pytest.mark.integration

FIRST = ("--profile", "ci", "--set", "seed=8")


def _at_each_stage(project: Workspace, *arguments: str, then) -> str:  # type: ignore[no-untyped-def]
    """What a run says that is disturbed by `then(stage)` as soon as each of its stages is under way."""
    output = project.root.parent / "first.txt"
    with output.open("wb") as stream:
        run = project.start("run", *arguments, output=stream)
        for stage in STAGES:
            note = project.root / ".work" / f"{stage}.status.json"
            while not note.is_file() and run.poll() is None:
                pass
            then(stage)
        assert run.wait(900) == 0, output.read_text()[-3000:]
    return output.read_text()


def _seeds(project: Workspace) -> dict[str, int]:
    stages = YAML(typ="safe").load((project.root / "dvc.lock").read_text())["stages"]
    values = {name: entry.get("params", {}).get("params.yaml", {}) for name, entry in stages.items()}
    return {name: keys["seed"] for name, keys in values.items() if "seed" in keys}


def test_a_refused_run_changes_nothing_of_the_one_at_work(tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    params = project.root / "params.yaml"
    others = [("run", "--set", "seed=9"), ("compare", "--strategies", "hard,random", "--budgets", "9")]

    def refused(stage: str) -> None:
        before = params.read_bytes()
        done = project.realign(*others[STAGES.index(stage) % 2])
        assert done.returncode == 2 and "another run is at work" in done.stdout, done.stdout
        assert params.read_bytes() == before

    _at_each_stage(project, *FIRST, then=refused)
    assert set(_seeds(project).values()) == {8}
    assert "all stages are up to date" in project.realign("status").stdout


def test_an_edit_waits_until_the_run_has_ended(tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    params = project.root / "params.yaml"
    edits = []

    def edit(stage: str) -> None:
        text = (project.root / ".work" / "params.yaml").read_text()
        edits.append(text.replace("seed: 8", f"seed: {9 + len(edits)}"))
        params.write_text(edits[-1])

    said = _at_each_stage(project, *FIRST, then=edit)
    assert "params.yaml was changed during the run" in said
    assert set(_seeds(project).values()) == {8}
    assert params.read_text() == edits[-1], "the last edit is in place again"
    assert "parameter seed changed from 8" in project.realign("status").stdout
    again = project.realign("run", *FIRST)
    assert "ran: nothing" in again.stdout
    undisturbed = fresh(tmp_path / "undisturbed")
    assert undisturbed.realign("run", *FIRST).returncode == 0
    assert undisturbed.lock() == project.lock()
    assert json.loads((project.root / "reports/metrics.json").read_text())["seed"] == 8
