"""A project of its own for a test: a copy of this checkout in a fresh git repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

HOME = Path(__file__).parents[2]
REALIGN = [sys.executable, "-m", "flows.cli"]
SERVER = "TEST_PREFECT_SERVER"  # the address of a server that a test's runs use
WARM = "TEST_WARM_PYTHON"  # a folder with a `python` that forks from a warm one (tests/integration/warm.py)


@dataclass
class Workspace:
    """A project folder and how to run things in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    warm: bool = True  # whether stages and DVC are forked from a process that imported the libraries already
    prefix: tuple[str, ...] = ()  # of the line that starts `realign`

    def env(self) -> dict[str, str]:
        """This test's environment: a Prefect home of its own, the copy's code first."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "HF_"))}
        first = [os.environ[WARM]] if self.warm and WARM in os.environ else []
        return {
            **inherited,
            "PATH": os.pathsep.join([*first, str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([*first, str(self.root), str(self.root / "src")]),
            "PREFECT_HOME": str(self.root.parent / "prefect-home"),
            "OMP_NUM_THREADS": "1",
            "DVC_NO_ANALYTICS": "1",
            "COLUMNS": "160",
            **({"PREFECT_API_URL": os.environ[SERVER]} if SERVER in os.environ else {}),
            **self.environment,
        }

    def run(self, *line: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, output captured together."""
        return subprocess.run(
            line,
            cwd=self.root,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def realign(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `realign`."""
        return self.run(*self.prefix, *REALIGN, *arguments)

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `dvc`."""
        return self.run("python", "-m", "dvc", *arguments)

    def start(self, *arguments: str, output: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start `realign` in a process group of its own; what it prints goes to `output`."""
        return subprocess.Popen(
            [*self.prefix, *REALIGN, *arguments],
            cwd=self.root,
            env=self.env(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def lock(self) -> str:
        """The digest of dvc.lock."""
        return hashlib.sha256((self.root / "dvc.lock").read_bytes()).hexdigest()

    def stages_started(self) -> dict[str, int]:
        """When each stage was last started or ended, by the word that it leaves."""
        return {path.name: path.stat().st_mtime_ns for path in (self.root / ".work").glob("*.status.json")}

    def commit(self, message: str = "state") -> None:
        """Commit everything."""
        for line in (["git", "add", "-A"], ["git", *_WHO, "commit", "-qm", message]):
            subprocess.run(line, cwd=self.root, check=True, capture_output=True)

    def copy(self, folder: Path) -> Workspace:
        """A copy with everything in it, data, cache and finished rows too."""
        shutil.copytree(self.root, folder, symlinks=True)
        return Workspace(folder, dict(self.environment), self.warm)


_WHO = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")


def fresh(folder: Path) -> Workspace:
    """A fresh project: the files of this checkout that git has or would take, no data, no cache."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=HOME,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = HOME / name
        if source.is_file() and not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    for made_by_a_run in ("dvc.lock", "compare/dvc.yaml", "compare/dvc.lock", "reports/metrics.json"):
        (folder / made_by_a_run).unlink(missing_ok=True)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    workspace = Workspace(folder)
    workspace.commit("fresh")
    return workspace


def stages_run(output: str) -> list[str]:
    """What the last line of `realign run` says it ran."""
    line = next(line for line in output.splitlines() if line.startswith("ran: "))
    named = line.removeprefix("ran: ")
    return [] if named.startswith("nothing") else named.split(", ")
