"""One small run, made once, from which the tests of a finished project start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import prefect_server
import pytest
from filelock import FileLock
from workspace import SERVER, Workspace, fresh

_HOOK = Path(__file__).parent / "connection_log"


def _offline_prefix() -> list[str]:
    """A command prefix that leaves only loopback, where the machine allows it."""
    for line in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        probe = [*line, "sh", "-c", "ip link set lo up"]
        if (
            shutil.which("unshare")
            and subprocess.run(probe, capture_output=True, check=False).returncode == 0
        ):
            return [*line, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    return []


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project after `realign run --profile ci`, run without any network where that can be had.

    Every Python process of the run logs its connections to `connections.log`. Workers of one test
    session share it: the first makes it, the others wait. Tests copy it and leave it as it is.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    folder.mkdir(exist_ok=True)
    workspace = Workspace(folder / "project")
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            _make(workspace)
            (folder / "done").touch()
    return workspace


def _make(workspace: Workspace) -> None:
    fresh(workspace.root)
    folder = workspace.root.parent
    log = {"REALIGN_CONNECTION_LOG": str(folder / "connections.log")}
    environment = {key: value for key, value in workspace.env().items() if key != "PREFECT_API_URL"} | log
    environment["PYTHONPATH"] = f"{_HOOK}:{environment['PYTHONPATH']}"
    done = subprocess.run(
        [*_offline_prefix(), sys.executable, "-m", "flows.cli", "run", "--profile", "ci"],
        cwd=workspace.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    (folder / "output.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    workspace.commit("first run")


@pytest.fixture(scope="session")
def _team_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_server.running(tmp_path_factory.mktemp("team") / "server-home") as address:
        yield address


@pytest.fixture
def on_a_server(_team_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test use a server that is there already, as a team's do; else each starts one of its own."""
    monkeypatch.setenv(SERVER, _team_server)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a Prefect server of this test's own."""
    with prefect_server.running(tmp_path / "server-home") as address:
        yield address
