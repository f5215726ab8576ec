"""The only door to DVC: commands in a process of their own, status as data.

DVC decides what is stale. It returns 255 for any failure, so a stage leaves its own status behind
(`.work/<stage>.status.json`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from realign.config import environment
from realign.errors import UserError

PIPELINE = "dvc.yaml"
_GRACE_SECONDS = 15
_running: set[subprocess.Popen[str]] = set()
_over = threading.Event()


def command(*arguments: str) -> list[str]:
    """The DVC command line, waiting for DVC's own locks instead of failing on them."""
    return [sys.executable, "-m", "flows.dvc_cli", "--wait-for-lock", *arguments]


def run(root: Path, *arguments: str, say: Callable[[str], None]) -> int:
    """Run DVC in its own process group and hand every line it writes to `say`.

    However this ends (interrupt, time-out, cancellation), the whole group ends with it.

    Returns:
        DVC's exit status.

    Raises:
        UserError: all was stopped, and nothing begins any more.
    """
    _refuse_if_over()
    process = subprocess.Popen(
        command(*arguments),
        cwd=root,
        env=_environment(root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    _running.add(process)
    try:
        _refuse_if_over()  # it may have been stopped since
        for line in process.stdout:  # text mode turns a progress bar's \r into lines
            if line.strip():
                say(line.rstrip())
        return process.wait()
    finally:
        _running.discard(process)
        if process.poll() is None:
            _stop(process)


def stop_all() -> None:
    """End every command that is under way and let none begin: what waits for its turn must not take it."""
    _over.set()
    for process in list(_running):
        _stop(process)


def _refuse_if_over() -> None:
    if _over.is_set():
        raise UserError("stopped; the same command goes on from the finished rows")


def ask(root: Path, *arguments: str) -> str:
    """Run a DVC command that answers on stdout.

    Raises:
        UserError: DVC failed; its own words.
    """
    done = subprocess.run(
        command(*arguments),
        cwd=root,
        env=_environment(root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()[-3:] or [done.stdout.strip()]
        raise UserError(f"dvc {' '.join(arguments)} failed: {' '.join(words)}")
    return done.stdout


def own(root: Path) -> list[str]:
    """The project's own pipeline, and the data and models that DVC tracks beside it, as targets of its commands."""
    files = (path for folder in ("data", "models") for path in sorted((root / folder).rglob("*.dvc")))
    return [PIPELINE, *(str(path.relative_to(root)) for path in files)]


def status(root: Path, *targets: str) -> dict[str, list[Any]]:
    """What DVC holds for stale: {stage: reasons}; empty when all is up to date.

    Args:
        root: the project.
        targets: pipelines and tracked files; the project's own where none is named.

    Raises:
        UserError: dvc.yaml, params.yaml or the workspace is broken.
    """
    answer = ask(root, "status", "--json", *(targets or own(root)))
    found: dict[str, list[Any]] = json.loads(answer or "{}")
    return found


def remote(root: Path) -> str:
    """The name of the default remote.

    Raises:
        UserError: there is none.
    """
    from configparser import ConfigParser, Error

    config = ConfigParser()
    try:
        config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"])
    except Error as error:
        raise UserError(f".dvc/config cannot be read: {error}") from None
    name = config.get("core", "remote", fallback=None)
    if not name:
        raise UserError(
            "no DVC remote to share with. Add one: dvc remote add --default NAME URL, and commit .dvc/config"
        )
    return name


def _environment(root: Path) -> dict[str, str]:
    """This process's environment, with the venv's programs first: DVC starts `python` from PATH."""
    here = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    pythonpath = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {
        "PATH": f"{here}{os.pathsep}{path}",
        "PYTHONPATH": pythonpath,
        "PYTHONUNBUFFERED": "1",
    }


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the group, then terminate, then kill: the stage may finish the row it is at."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(_GRACE_SECONDS if sign is not signal.SIGKILL else None)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def main() -> int:
    """DVC itself, ending when the process that started it dies."""
    environment.die_with_parent()
    environment.settle(hub=True)
    from dvc.cli import main as dvc

    return int(dvc(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
