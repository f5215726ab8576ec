"""A schedule against a real Prefect server on loopback."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("finished")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a Prefect server of this test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(tmp_path / "server-home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}/api"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_scheduled_run_starts_by_itself_and_completes(
    finished: Workspace, server: str, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    project.environment = {"PREFECT_API_URL": server}
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=75)
    serving = project.start("serve", "--cron", f"{soon.minute} {soon.hour} * * *")
    try:
        deadline = time.monotonic() + 240
        states: list[str] = []
        while "COMPLETED" not in states:
            assert serving.poll() is None, "realign serve ended"
            assert time.monotonic() < deadline, f"no scheduled run completed, states: {states}"
            assert "FAILED" not in states and "CRASHED" not in states
            time.sleep(2)
            states = [run["state_type"] for run in _runs(server)]
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(30)


def test_serve_without_a_server_says_how_to_start_one(finished: Workspace) -> None:
    done = finished.realign("serve", "--cron", "0 3 * * 1")
    assert done.returncode == 2 and "prefect server start" in done.stdout


def test_serve_refuses_a_schedule_that_is_none(finished: Workspace, tmp_path: Path) -> None:
    project = Workspace(finished.root, {"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    done = project.realign("serve", "--cron", "every monday")
    assert done.returncode == 2 and "is no schedule" in done.stdout and "Traceback" not in done.stdout


def _runs(server: str) -> list[dict[str, str]]:
    request = urllib.request.Request(
        f"{server}/flow_runs/filter", data=b"{}", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
