"""What dvc.lock says of a stage's inputs, and files that git could not merge."""

import pytest
from ruamel.yaml import YAML
from unit_builders import refused

from realign.config import params_file
from realign.store import tracked

CONFLICT = "<<<<<<< HEAD\nseed: 7\n=======\nseed: 8\n>>>>>>> branch\n"


@pytest.fixture
def root(tmp_path):
    """A project whose lock names a file and a folder."""
    (tmp_path / "data" / "folder" / "a").mkdir(parents=True)
    for name in ("data/made.txt", "data/folder/a-b", "data/folder/a/b"):
        (tmp_path / name).write_text(name)
    outs = [
        {"path": name, "md5": tracked.content_digest(tmp_path / name)}
        for name in ("data/made.txt", "data/folder")
    ]
    with (tmp_path / "dvc.lock").open("w") as stream:
        YAML().dump({"schema": "2.0", "stages": {"select": {"cmd": "x", "outs": outs}}}, stream)
    return tmp_path


def test_inputs_that_are_what_was_written_pass(root):
    tracked.refuse_damaged(root, [root / "data/made.txt", root / "data/folder", root / "other"])


def test_all_inputs_that_are_not_what_their_stage_wrote_are_named(root):
    (root / "data/made.txt").write_text("data/made.tyt")
    (root / "data/folder/a/b").unlink()
    with refused("artifact.damaged", match=r"(?s)data/made.txt is not what stage select wrote.*data/folder"):
        tracked.refuse_damaged(root, [root / "data/made.txt", root / "data/folder"])


@pytest.mark.parametrize("name", ["dvc.lock", "compare/dvc.lock", "data/raw.jsonl.dvc"])
def test_a_file_with_conflict_markers_is_named_with_the_mend(root, name):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(CONFLICT)
    with refused("yaml.conflict", match=rf"{name} line 1: .*git checkout --ours"):
        tracked.tracked(root)


def test_params_with_conflict_markers_are_no_yaml_puzzle(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("strategy: easy\n" + CONFLICT)
    with refused("yaml.conflict", match=r"params.yaml line 2"):
        params_file.load(path)


def test_a_lock_that_is_cut_is_no_traceback(root):
    (root / "dvc.lock").write_text('stages: {"a')
    with refused("yaml.invalid", match="git checkout dvc.lock"):
        tracked.tracked(root)
