"""One small run, made once, from which the tests of a finished project start."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import prefect_server
import pytest
import warm
from filelock import FileLock
from workspace import SERVER, WARM, Workspace, fresh

FIRST = (
    "finished_run", "own_data", "compare", "killed", "judged_run", "people", "scheduled", "stale", "gate", "together",
    "annotate_killed", "annotate_browser", "hub", "judge_server",
)  # fmt: skip
"""Files of tests, the slowest first; the first makes the finished project, which the second does not need."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest first, so that no worker is left with one of them when the others have ended."""

    def rank(item: pytest.Item) -> int:
        name = item.path.stem.removeprefix("test_")
        if name in FIRST:
            return FIRST.index(name)
        return len(FIRST) + (item.get_closest_marker("integration") is None)

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of all workers of this test session; what it starts ends with the last of them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    with (folder / "workers").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield folder


def _process(shared: Path, name: str, start: Callable[[Path], tuple[int, str]]) -> str:
    """A process that all workers share: whoever needs it first starts it; gives what `start` said of it."""
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not folder.exists():
            pid, said = start(folder)
            (folder / "said").write_text(said)
            end = f"kill -9 -{pid}"
            subprocess.Popen(["flock", str(shared / "workers"), "sh", "-c", end], start_new_session=True)
    return (folder / "said").read_text()


@pytest.fixture(scope="session", autouse=True)
def _warm_python(shared: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WARM, _process(shared, "warm", warm.start))
        yield


@pytest.fixture(scope="session")
def finished(shared: Path) -> Workspace:
    """A project after `realign run --profile ci`.

    Workers of one test session share it: the first makes it, the others wait. Tests copy it and leave it as it is.
    """
    folder = shared / "finished"
    folder.mkdir(exist_ok=True)
    workspace = Workspace(folder / "project")
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            _make(workspace)
            (folder / "done").touch()
    return workspace


def _make(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root, ignore_errors=True)
    fresh(workspace.root)
    folder = workspace.root.parent
    done = workspace.realign("run", "--profile", "ci")
    (folder / "output.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    workspace.commit("first run")


@pytest.fixture(scope="session")
def _team_server(shared: Path) -> str:
    return _process(shared, "prefect", prefect_server.start)


@pytest.fixture
def on_a_server(_team_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test use a server that is there already, as a team's do; else each starts one of its own."""
    monkeypatch.setenv(SERVER, _team_server)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a Prefect server that knows this test's deployment and no other."""
    group, address = prefect_server.start(tmp_path / "server")
    yield address
    with contextlib.suppress(ProcessLookupError):  # a test may have killed it
        os.killpg(group, signal.SIGKILL)
