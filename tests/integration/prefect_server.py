"""A Prefect server for tests, and what it says of its flow runs."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any


def start(folder: Path) -> tuple[int, str]:
    """Start a server with a home in this folder; returns its process group and the address of its API."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(folder / "home"),
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
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2)
            return process.pid, address
        except OSError:
            assert process.poll() is None, "the Prefect server ended"
            time.sleep(0.5)


def call(address: str, path: str, content: dict[str, Any]) -> Any:
    """POST to the server's API."""
    request = urllib.request.Request(
        f"{address}{path}", data=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def runs(address: str) -> list[dict[str, Any]]:
    """The flow runs that the server knows."""
    rows: list[dict[str, Any]] = call(address, "/flow_runs/filter", {})
    return rows
