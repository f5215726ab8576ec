"""A killed run loses no finished row, ends with the same bytes as another, and needs no network.

All of its processes are real ones, started from nothing; together its three runs are one run of every stage.
"""

import ipaddress
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from killing import kill_when
from workspace import Workspace, fresh, stages_run

pytestmark = pytest.mark.integration

_HOOK = Path(__file__).parent / "connection_log"


def test_killed_in_generate_and_in_train_ends_with_the_same_lock(finished: Workspace, tmp_path: Path) -> None:
    project = fresh(tmp_path / "project")
    project.warm, project.prefix = False, _offline_prefix()
    log = tmp_path / "connections.log"
    project.environment = {
        "REALIGN_CONNECTION_LOG": str(log),
        "PYTHONPATH": f"{_HOOK}:{project.root}:{project.root / 'src'}",
    }
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

    lines = log.read_text().splitlines()
    assert lines, "the log is empty, so it watched nothing: Prefect's server is on loopback"
    assert [line for line in lines if not _loopback(line)] == []


def _offline_prefix() -> tuple[str, ...]:
    """A command prefix that leaves only loopback, where the machine allows it."""
    for line in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        probe = [*line, "sh", "-c", "ip link set lo up"]
        if (
            shutil.which("unshare")
            and subprocess.run(probe, capture_output=True, check=False).returncode == 0
        ):
            return (*line, "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    return ()


def _loopback(line: str) -> bool:
    target = re.search(r"\('?\(?'([^']+)'|'([^']*)'|None", line)
    host = next((g for g in target.groups() if g), "") if target else ""
    if host in ("", "localhost") or host.startswith("/"):  # a unix socket's path
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
