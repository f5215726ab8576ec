"""The checks of `realign doctor`, each with its fix."""

import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows import dvc_cli, project, server
from realign.errors import UserError
from realign.redact import without_user_info

_PACKAGES = (
    "prefect",
    "dvc",
    "torch",
    "transformers",
    "trl",
    "peft",
    "sentence-transformers",
    "great-expectations",
    "pandas",
)
_DISK_GIB = 5


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    what: str
    ok: bool
    result: str
    fix: str


def checks(start: Path) -> Iterator[Check]:
    """All checks, the quick ones first."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", sys.version_info >= (3, 11), version, "use Python 3.11 or newer, then make setup")
    yield _query("packages", _packages, "make setup")
    yield _query("git", _git, "install git")
    try:
        root = project.find(start)
    except UserError as error:
        yield Check("project", False, str(error), "change into your clone")
        return
    yield Check("project", True, str(root), "")
    yield _query(
        "params",
        lambda: f"strategy {project.check(root).strategy}",
        "correct params.yaml as the message says",
    )
    yield _query(
        "DVC",
        lambda: f"{len(dvc_cli.status(root)) or 'no'} stale stage(s)",
        "git checkout dvc.yaml .dvc, or dvc init",
    )
    yield _query(
        "DVC remote (to share)", lambda: dvc_cli.remote(root), "only needed for push and pull", needed=False
    )
    free = shutil.disk_usage(root).free / 2**30
    yield Check(
        "disk", free > _DISK_GIB, f"{free:.0f} GiB free", f"free {_DISK_GIB} GiB: dvc gc -w, or another disk"
    )
    yield _query("Prefect server", _server, server.MEND)


def _packages() -> str:
    found = {name: next(iter(importlib.metadata.distributions(name=name)), None) for name in _PACKAGES}
    missing = [name for name, package in found.items() if package is None]
    if missing:
        raise UserError(f"missing {', '.join(missing)}", code="doctor.packages")
    return ", ".join(f"{name} {package.version}" for name, package in found.items() if package)


def _git() -> str:
    return subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def _query(what: str, query: Callable[[], str], fix: str, needed: bool = True) -> Check:
    try:
        return Check(what, True, query(), fix)
    except (UserError, OSError, subprocess.CalledProcessError) as error:
        return Check(what, not needed, without_user_info(str(error).splitlines()[0]), fix)


def _server() -> str:
    address = server.address()
    if address:
        return server.check(address)
    with tempfile.TemporaryDirectory() as home:
        _, stop = server.start(PREFECT_HOME=home)
        stop()
    return "starts by itself"
