"""All access to DVC: commands in their own process, status as data.

DVC decides what is stale. It exits with 255 on any failure, so a stage leaves its own status behind
(`.work/<stage>.status.json`).
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from realign.config import environment
from realign.errors import UserError
from realign.redact import of_environment, redact

PIPELINE = "dvc.yaml"
EXPERIMENT = "compare/dvc.yaml"
"""The pipeline of `realign compare`, copied from compare/pipeline.yaml."""
_GRACE_SECONDS = 15
_running: set[subprocess.Popen[str]] = set()
_stopped = threading.Event()


def command(*arguments: str) -> list[str]:
    """The DVC command line, waiting for DVC's own locks instead of failing on them."""
    return [sys.executable, "-m", "flows.dvc_cli", "--wait-for-lock", *arguments]


def run(root: Path, *arguments: str, say: Callable[[str], None]) -> int:
    """Run DVC in its own process group and pass every line of its output to `say`.

    However this ends (interrupt, time-out, cancellation), the whole group ends with it.

    Returns:
        DVC's exit status.

    Raises:
        UserError: `stop_all` was called.
    """
    _refuse_if_stopped()
    secrets = of_environment(os.environ)
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
        _refuse_if_stopped()  # stop_all may have been called meanwhile
        for line in process.stdout:  # text mode turns a progress bar's \r into lines
            if line.strip():
                say(redact(line.rstrip(), *secrets))
        return process.wait()
    finally:
        _running.discard(process)
        if process.poll() is None:
            _stop(process)


def stop_all() -> None:
    """Stop all running commands, and let none start any more."""
    _stopped.set()
    for process in list(_running):
        _stop(process)


def _refuse_if_stopped() -> None:
    if _stopped.is_set():
        raise UserError("stopped; the same command continues from the finished rows", code="run.stopped")


def drop_dead_lock(root: Path) -> None:
    """Remove the list of who reads and writes what if no DVC of this workspace lives; the caller holds our lock.

    A kill leaves its entries behind. DVC only looks whether a process of that number lives, which may be another
    one by now, and stops at an empty list.
    """
    import psutil

    path = root / ".dvc" / "tmp" / "rwlock"
    if not path.is_file():
        return
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = {Path(word).name for word in process.info["cmdline"] or ()}
        folder = process.info["cwd"]
        if words & {"dvc", "flows.dvc_cli"} and (
            folder is None or root in (Path(folder), *Path(folder).parents)
        ):
            return
    path.unlink(missing_ok=True)


def query(root: Path, *arguments: str) -> str:
    """The standard output of a DVC command.

    Raises:
        UserError: DVC failed, with the end of its error output.
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
        lines = done.stderr.strip().splitlines()[-3:] or [done.stdout.strip()]
        raise UserError(f"dvc {' '.join(arguments)} failed: {' '.join(lines)}", code="dvc.failed")
    return done.stdout


def own(root: Path) -> list[str]:
    """The project's pipeline and the data and models that DVC tracks beside it, as targets of DVC's commands."""
    files = (path for folder in ("data", "models") for path in sorted((root / folder).rglob("*.dvc")))
    return [PIPELINE, *(str(path.relative_to(root)) for path in files)]


def status(root: Path, *targets: str) -> dict[str, list[Any]]:
    """The stale stages according to DVC: {stage: reasons}; empty when everything is up to date.

    Args:
        root: the project.
        targets: pipelines and tracked files; by default the project's own.

    Raises:
        UserError: dvc.yaml, params.yaml or the workspace is broken.
    """
    text = query(root, "status", "--json", *(targets or own(root)))
    stale: dict[str, list[Any]] = json.loads(text or "{}")
    return stale


def target(stage: str, item: Sequence[object] = ()) -> str:
    """DVC's name of a stage of the experiment; of an arm, by its values."""
    return f"{EXPERIMENT}:{stage}" + (f"@{'-'.join(map(str, item))}" if item else "")


def finished_arms(root: Path) -> list[str]:
    """The stages and arms of the experiment in params.yaml that have run, as targets of DVC's commands.

    dvc pull fails as a whole if it is given a stage that never ran.
    """
    from realign.config import params_file, yaml_file

    lock = (root / EXPERIMENT).with_suffix(".lock")
    if not lock.is_file():
        return []
    ran = yaml_file.load(lock)["stages"]
    arms = params_file.load(root / params_file.PARAMS_FILE).compare.arms()
    wanted = [target("picks"), target("reference"), *(target("arm", arm) for arm in arms), target("summary")]
    return [name for name in wanted if name.partition(":")[2] in ran]


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
        raise UserError(f".dvc/config cannot be read: {error}", code="dvc.bad_config") from None
    name = config.get("core", "remote", fallback=None)
    if not name:
        raise UserError(
            "no DVC remote to share with. Add one: dvc remote add --default NAME URL, and commit .dvc/config",
            code="dvc.no_remote",
        )
    return name


def _environment(root: Path) -> dict[str, str]:
    """This process's environment with the venv's programs first, since DVC starts `python` from PATH."""
    here = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    pythonpath = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    return os.environ | {
        "PATH": f"{here}{os.pathsep}{path}",
        "PYTHONPATH": pythonpath,
        "PYTHONUNBUFFERED": "1",
        environment.FLOW: "1",
    }


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the process group, then terminate, then kill it: the stage may finish its current row."""
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
    """DVC itself; it ends when the process that started it dies."""
    environment.die_with_parent()
    environment.settle(hub=True)
    from dvc.cli import main as dvc

    return int(dvc(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
