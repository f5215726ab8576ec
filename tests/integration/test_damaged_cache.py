"""What DVC believes although it is damaged: named, dropped, fetched or made again; nobody's edit is touched."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workspace import Workspace

from flows import damage, dvc_cli, project
from realign.errors import UserError
from realign.store import tracked

PIPELINE = """
stages:
  made:
    cmd:
    - cp data/raw.txt data/made.txt
    - mkdir -p models/folder/deep
    - cp data/raw.txt models/folder/deep/weights
    - date -d @0 > models/folder/config
    deps: [data/raw.txt]
    outs: [data/made.txt, models/folder]
"""
TRACKED = ("data/made.txt", "models/folder/deep/weights", "models/folder/config", "data/raw.txt")


def dvc(root: Path, *arguments: str) -> str:
    done = Workspace(root).dvc(*arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose one stage has run."""
    root = tmp_path_factory.mktemp("sound") / "project"
    (root / "data").mkdir(parents=True)
    (root / "data/raw.txt").write_text("something to work on\n" * 50)
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text("seed: 1\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    dvc(root, "add", "--quiet", "data/raw.txt")
    dvc(root, "repro", "--quiet")
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "project")
    return tmp_path / "project"


def digest_of(root: Path, name: str) -> str:
    found = tracked.content_digest(root / name)
    assert found is not None
    return found


def flip(root: Path, name: str, seed: int = 0) -> Path:
    """Flip a bit of a file's copy in the cache, as a disk does, and check the file out of it."""
    digest = digest_of(root, name)
    copy = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    content = bytearray(copy.read_bytes())
    places = random.Random(seed)
    content[places.randrange(len(content))] ^= 1 << places.randrange(8)
    copy.chmod(0o644)
    copy.write_bytes(content)
    copy.chmod(0o444)
    (root / name).unlink()
    dvc(root, "checkout", "--quiet", "--force")
    return copy


@pytest.mark.parametrize("name", TRACKED[:3])
def test_a_damaged_copy_of_what_a_stage_wrote_is_dropped_and_made_again(root: Path, name: str) -> None:
    before = digest_of(root, name)
    copy = flip(root, name)
    assert digest_of(root, name) != before
    assert "up to date" in dvc(root, "status"), "DVC sees nothing"
    lines: list[str] = []
    assert damage.repair(root, lines.append) == 1
    assert any(str(copy) in line for line in lines), lines
    assert not copy.exists()
    dvc(root, "repro", "--quiet")
    assert digest_of(root, name) == before
    assert damage.repair(root, lines.append) == 0


def test_a_damaged_copy_is_fetched_where_a_remote_has_a_sound_one(root: Path, tmp_path: Path) -> None:
    dvc(root, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    dvc(root, "push", "--quiet")
    before = {name: digest_of(root, name) for name in TRACKED}
    flip(root, "data/raw.txt")
    assert damage.repair(root, print) > 0
    assert {name: digest_of(root, name) for name in TRACKED} == before
    assert "up to date" in dvc(root, "status")


def test_damaged_data_of_a_person_without_a_sound_copy_is_refused_with_the_mend(root: Path) -> None:
    flip(root, "data/raw.txt")
    with pytest.raises(UserError, match=r"(?s)data/raw.txt \(data/raw.txt.dvc\).*dvc add") as caught:
        damage.repair(root, print)
    assert caught.value.code == "artifact.lost"


def test_a_bit_that_flips_in_the_workspace_unseen_is_checked_out_again(root: Path) -> None:
    import os

    dvc(root, "status")  # DVC now knows the file
    path = root / "data/made.txt"
    before, stat = path.read_bytes(), path.stat()
    with path.open("r+b") as stream:  # the same file, size and time: what DVC looks at
        stream.write(b"S")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert damage.repair(root, print) == 1
    assert path.read_bytes() == before


def test_an_edit_is_left_to_dvc(root: Path) -> None:
    for name in ("data/raw.txt", "data/made.txt"):
        (root / name).write_text("edited by a person")
    assert damage.repair(root, print) == 0
    assert (root / "data/raw.txt").read_text() == "edited by a person"


def test_what_has_not_changed_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert damage.repair(root, print) == 0
    monkeypatch.setattr(tracked, "content_digest", lambda path: pytest.fail(f"{path} is read again"))
    assert damage.repair(root, print) == 0


@pytest.mark.parametrize("content", ["", '{"write": {"data": {"pid": PID, "cmd": "dvc repro"}}}'])
def test_a_lock_that_a_dead_dvc_left_is_removed_under_our_own(root: Path, content: str) -> None:
    import os

    lock = root / ".dvc/tmp/rwlock"
    lock.write_text(content.replace("PID", str(os.getpid())))
    with project.locked(root):
        assert not lock.exists()


def test_the_lock_of_a_living_dvc_stays(root: Path) -> None:
    lock = root / ".dvc/tmp/rwlock"
    lock.write_text("{}")
    waiting = subprocess.Popen(
        [sys.executable, "-c", "input()", "dvc", "repro"], cwd=root, stdin=subprocess.PIPE
    )
    try:
        dvc_cli.drop_dead_lock(root)
        assert lock.exists()
    finally:
        waiting.communicate(b"\n")
    dvc_cli.drop_dead_lock(root)
    assert not lock.exists()
