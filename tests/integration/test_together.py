"""Teams that share versioned artifacts."""

import subprocess
from pathlib import Path

import pytest
from workspace import Workspace, stages_run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]


def test_clone_pulls_and_has_nothing_to_run(finished: Workspace, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "one" / "project")
    refused = project.realign("push")
    assert refused.returncode == 2 and "no DVC remote" in refused.stdout
    assert project.dvc("remote", "add", "--default", "team", str(tmp_path / "remote")).returncode == 0
    pushed = project.realign("push")
    assert pushed.returncode == 0, pushed.stdout
    project.commit("with a remote")

    elsewhere = Workspace(tmp_path / "two" / "clone")
    subprocess.run(["git", "clone", "-q", str(project.root), str(elsewhere.root)], check=True)
    pulled = elsewhere.realign("pull")
    assert pulled.returncode == 0, pulled.stdout
    done = elsewhere.realign("run")
    assert done.returncode == 0, done.stdout[-2000:]
    assert stages_run(done.stdout) == []
    assert elsewhere.lock() == project.lock()

    changed = elsewhere.realign("run", "--set", "train.beta=0.2")
    assert changed.returncode == 0, changed.stdout[-2000:]
    assert stages_run(changed.stdout) == ["train", "evaluate", "report"]


def test_pull_from_an_empty_remote_says_so(finished: Workspace, tmp_path: Path) -> None:
    clone = Workspace(tmp_path / "clone")
    subprocess.run(["git", "clone", "-q", str(finished.root), str(clone.root)], check=True)
    assert clone.dvc("remote", "add", "--default", "team", str(tmp_path / "nothing")).returncode == 0
    done = clone.realign("pull")
    assert done.returncode == 2
    assert "Was everything pushed" in done.stdout and "Traceback" not in done.stdout


def test_second_run_in_one_workspace_is_refused(finished: Workspace, tmp_path: Path) -> None:
    from filelock import FileLock

    project = finished.copy(tmp_path / "project")
    with FileLock(project.root / ".work" / "run.lock"):
        done = project.realign("run")
    assert done.returncode == 2 and "another run is at work" in done.stdout
    assert project.realign("run").returncode == 0
