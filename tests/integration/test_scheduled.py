"""A schedule against a real Prefect server on loopback."""

import datetime
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from prefect_server import runs
from workspace import Workspace

pytestmark = pytest.mark.integration


def test_scheduled_run_starts_by_itself_and_completes(
    finished: Workspace, server: str, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    project.environment = {"PREFECT_API_URL": server}
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=75)
    serving = project.start("serve", "--cron", f"{soon.minute} {soon.hour} * * *")
    try:
        deadline = time.monotonic() + 600
        states: list[str] = []
        while "COMPLETED" not in states:
            assert serving.poll() is None, "realign serve ended"
            assert time.monotonic() < deadline, f"no scheduled run completed, states: {states}"
            assert "FAILED" not in states and "CRASHED" not in states
            time.sleep(2)
            states = [run["state_type"] for run in runs(server)]
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(30)


def test_serve_without_a_server_says_how_to_start_one(finished: Workspace) -> None:
    done = finished.realign("serve", "--cron", "0 3 * * 1")
    assert done.returncode == 2 and "prefect server start" in done.stdout


def test_serve_refuses_a_schedule_that_is_none(finished: Workspace) -> None:
    done = finished.realign("serve", "--cron", "every monday")
    assert done.returncode == 2 and "is not a schedule" in done.stdout and "Traceback" not in done.stdout


def test_a_run_names_a_server_that_does_not_answer(finished: Workspace) -> None:
    project = Workspace(finished.root, {"PREFECT_API_URL": "http://127.0.0.1:9"})
    for command in (("run",), ("serve", "--cron", "0 3 * * 1"), ("doctor",)):
        done = project.realign(*command)
        assert done.returncode == (1 if command == ("doctor",) else 2), done.stdout
        assert "does its address end in /api?" in done.stdout and "Traceback" not in done.stdout


def test_a_server_that_dies_in_a_run_is_one_line_at_its_end(
    finished: Workspace, server: str, tmp_path: Path
) -> None:
    project = finished.copy(tmp_path / "project")
    project.environment = {"PREFECT_API_URL": server}
    note = project.root / ".work" / "report.status.json"
    note.unlink()
    with (tmp_path / "said").open("wb") as stream:
        run = project.start("run", "--set", "report.title=Another", output=stream)
        while not note.is_file():
            assert run.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.05)
        port = server.rpartition(":")[2].removesuffix("/api")
        for process in psutil.process_iter(["cmdline"]):
            if f"--port {port}" in " ".join(process.info["cmdline"] or ()):
                process.kill()
        assert run.wait(300) == 2
    said = (tmp_path / "said").read_text()
    assert said.count("went away during the run") == 1
    assert "Traceback" not in said and "Error logging" not in said
    assert "all stages are up to date" in project.realign("status").stdout
