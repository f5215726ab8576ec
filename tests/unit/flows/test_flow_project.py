"""A project's folder: found from anywhere inside, held by one run, checked before any work."""

import shutil
import subprocess
import sys

import pytest
from unit_builders import ROOT

from flows import project
from realign.errors import UserError
from realign.store.ids import folder_digest


@pytest.fixture
def root(tmp_path):
    """A project with its raw file, in a git repository."""
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    raw = tmp_path / "data" / "builtin"
    raw.mkdir(parents=True)
    (raw / "tasks.jsonl").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_the_root_is_found_from_anywhere_inside(root):
    inside = root / "data" / "builtin"
    assert project.find(inside) == project.find(root) == root.resolve()


def test_outside_a_project_it_says_so(tmp_path):
    (tmp_path / "params.yaml").touch()
    with pytest.raises(UserError) as caught:
        project.find(tmp_path)
    assert caught.value.code == "project.not_found"


def test_one_run_at_a_time(root):
    with project.locked(root):
        code = (
            "import sys; from pathlib import Path; from flows import project\n"
            "with project.locked(Path(sys.argv[1])): pass"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False
        )
        assert "another run is at work" in done.stderr
        assert done.returncode != 0
    with project.locked(root):
        pass


def test_a_run_that_died_holds_nothing(root):
    code = (
        "import os, sys; from pathlib import Path; from flows import project\n"
        "with project.locked(Path(sys.argv[1])): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(root)], check=False).returncode == 9
    with project.locked(root):
        pass


def test_an_error_inside_lets_go(root):
    with pytest.raises(RuntimeError), project.locked(root):
        raise RuntimeError
    with project.locked(root):
        pass


def test_a_sound_project_passes(root):
    assert project.check(root).strategy


def edited(root, old, new):
    path = root / "params.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_can_be_known_before_any_work_is_said_before_any_work(root):
    edited(root, "strategy: easy", "strategy: esay")
    with pytest.raises(UserError, match=r"'esay'; there are centroid, .*easy, .*random"):
        project.check(root)
    edited(root, "strategy: esay", "strategy: easy")
    (root / "data" / "builtin" / "tasks.jsonl").unlink()
    with pytest.raises(UserError, match=r"prepare\.path: data/builtin/tasks\.jsonl does not exist") as caught:
        project.check(root)
    assert caught.value.code == "project.no_raw_file"


def test_a_models_folder_without_its_revision_is_told_it_before_any_work(root, tmp_path):
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "model.safetensors").write_text("x")
    edited(root, "source: build  ", "source: local  ")
    edited(root, "  model:\n    name: null", f"  model:\n    name: {folder}")
    with pytest.raises(UserError, match=rf"base\.model\.revision={folder_digest(folder)}") as caught:
        project.check(root)
    assert caught.value.code == "model.no_revision"


def test_a_folder_without_git_says_so(root):
    shutil.rmtree(root / ".git")
    with pytest.raises(UserError) as caught:
        project.check(root)
    assert caught.value.code == "project.no_git"


def test_an_earlier_adapter_that_is_not_there_is_said_before_any_work(root):
    edited(root, "reward: none", "reward: adapter")
    edited(root, "adapter: data/no-file", "adapter: models/previous")
    with pytest.raises(UserError) as caught:
        project.check(root)
    assert caught.value.code == "project.no_adapter"
    (root / "models" / "previous").mkdir(parents=True)
    edited(root, "strategy: easy", "strategy: implicit_margin")
    assert project.check(root).strategy == "implicit_margin"
