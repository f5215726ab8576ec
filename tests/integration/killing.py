"""SIGKILL or Ctrl-C for a command that is under way, and the certainty that nothing of it is left."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from workspace import Workspace


def kill_when(
    project: Workspace, moment: Callable[[], bool], *arguments: str, everything: bool = True
) -> None:
    """Start a command, and SIGKILL it at the moment: all of its processes, or only the first one."""
    run = project.start(*arguments)
    _wait_for(moment, run)
    victims = _family(run.pid)
    for pid in victims if everything else [run.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.wait()
    deadline = time.monotonic() + 120
    while any(name in _command(pid) for pid in victims for name in ("realign.pipeline", "flows.server")):
        assert time.monotonic() < deadline, "a stage or the temporary server outlived its run"
        time.sleep(0.1)


def interrupt_when(project: Workspace, moment: Callable[[], bool], *arguments: str) -> str:
    """Start a command, press Ctrl-C at the moment (the terminal tells its whole group), and give what it said."""
    said = project.root.parent / "interrupted.txt"
    with said.open("wb") as stream:
        run = project.start(*arguments, output=stream)
    _wait_for(moment, run)
    family = _family(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(300) == 130
    alive = [_command(pid) for pid in family]
    assert not any("realign" in line or "flows" in line for line in alive), alive
    return said.read_text(encoding="utf-8", errors="replace")


def _wait_for(moment: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not moment():
        assert run.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.02)


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
