"""A killed run loses no finished row, and the run that follows ends with the same bytes."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from workspace import Workspace, fresh, stages_run

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("killed")]


def test_killed_in_generate_and_in_train_ends_with_the_same_lock(finished: Workspace, tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    (project.root / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    rows = project.root / ".work/rows/generate.sqlite"
    checkpoints = project.root / ".work/checkpoints/train"

    _kill_when(project, lambda: _count(rows) > 0, everything=True)
    survived = _count(rows)
    assert survived > 0
    assert not (project.root / "data/responses.parquet").exists()

    _kill_when(project, lambda: any(checkpoints.glob("*/checkpoint-*/COMPLETE")), everything=False)
    assert _count(rows) >= survived
    assert not (project.root / "models/adapter").exists()

    done = project.realign("run")
    assert done.returncode == 0, done.stdout[-3000:]
    assert stages_run(done.stdout)[0] == "train"
    assert "0/" not in _first_bar(done.stdout, "train:"), "training began anew instead of at its checkpoint"
    assert (project.root / "dvc.lock").read_text() == (finished.root / "dvc.lock").read_text()


def _kill_when(project: Workspace, moment: Callable[[], bool], everything: bool) -> None:
    """Start a run, and SIGKILL it at the moment: all of its processes, or only the first one."""
    run = project.start("run")
    deadline = time.monotonic() + 300
    while not moment():
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.02)
    victims = _family(run.pid)
    for pid in victims if everything else [run.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait()
    stages = [pid for pid in victims if "realign.stage" in _command(pid)]
    deadline = time.monotonic() + 20
    while any("realign.stage" in _command(pid) for pid in stages):
        assert time.monotonic() < deadline, "a stage outlived its run"
        time.sleep(0.1)
    for pid in victims:  # Prefect's own server does not end with a killed run
        if "uvicorn" in _command(pid):
            os.kill(pid, signal.SIGKILL)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


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
