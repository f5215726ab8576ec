"""`realign compare`: arms are trained once, whatever happens between, and the main pipeline never notices."""

import re
from pathlib import Path

import pytest
from killing import interrupt_when, kill_when
from ruamel.yaml import YAML
from workspace import SERVER, Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("on_a_server"),
]

OWN = "def longest_first(pool):\n    return -pool.tokens[pool.first] - pool.tokens[pool.second]\n"
ASKED = ("compare", "--strategies", "longest_first,random", "--budgets", "20", "--seeds", "1", "--jobs", "1")


def test_an_experiment_goes_on_after_ctrl_c_and_a_kill_and_repeats_nothing(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = finished.copy(tmp_path / "project")
    (project.root / "strategies" / "longest_first.py").write_text(OWN)
    main_lock = project.lock()

    project.warm = False  # what is killed are real processes
    first = project.root / ".work" / "arm-longest_first-20-1.status.json"
    with monkeypatch.context() as alone:  # with a temporary server, which the terminal interrupts too
        alone.delenv(SERVER)
        said = interrupt_when(project, lambda: first.exists(), *ASKED)
    assert "stopped; the same command continues" in said
    assert "Traceback" not in said and "onnect" not in said
    assert _locked(project) == {"picks", "reference"}, "an arm that waited for its turn took it"

    second = project.root / ".work" / "arm-random-20-1.status.json"
    kill_when(project, lambda: second.exists(), *ASKED)
    assert _locked(project) == {"picks", "reference", "arm@longest_first-20-1"}

    project.warm = True
    done = project.realign(*ASKED)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "arms trained: 1 of 2" in done.stdout
    assert "Not distinguishable" in done.stdout
    page = Path(re.search(r"page: (\S+)", done.stdout)[1])
    assert "longest_first" in page.read_text()
    lock = (project.root / "compare" / "dvc.lock").read_bytes()

    before = project.stages_started()
    again = project.realign(*ASKED)
    assert again.returncode == 0 and "arms trained: 0 of 2" in again.stdout
    assert project.stages_started() == before, "a stage of the experiment was started again"
    assert (project.root / "compare" / "dvc.lock").read_bytes() == lock

    assert "realign.pipeline picks" not in project.dvc("repro", "--dry", "--force").stdout
    assert "compare" not in project.realign("status").stdout.replace(str(project.root), "")
    assert project.lock() == main_lock

    (project.root / "strategies" / "longest_first.py").write_text(OWN.replace("-pool", "pool", 1))
    assert project.dvc("repro", "-q", "-s", "compare/dvc.yaml:picks").returncode == 0
    stale = project.dvc("status", "compare/dvc.yaml").stdout
    assert "arm@longest_first-20-1" in stale and "arm@random-20-1" not in stale


def _locked(project: Workspace) -> set[str]:
    """The stages of the experiment that DVC holds for finished."""
    return set(YAML(typ="safe").load((project.root / "compare" / "dvc.lock").read_text())["stages"])
