"""The remote: found where DVC keeps it, and named with its mend where there is none."""

import sys

import pytest

from flows import dvc_cli
from realign.errors import UserError


def configured(tmp_path, config=None, local=None):
    folder = tmp_path / ".dvc"
    folder.mkdir()
    if config is not None:
        (folder / "config").write_text(config)
    if local is not None:
        (folder / "config.local").write_text(local)
    return tmp_path


DEFAULT = (
    "[core]\n    analytics = false\n    remote = storage\n['remote \"storage\"']\n    url = /mnt/100%/store\n"
)


def test_the_default_remote_is_found(tmp_path):
    assert dvc_cli.remote(configured(tmp_path, DEFAULT)) == "storage"


def test_the_local_configuration_comes_first(tmp_path):
    assert dvc_cli.remote(configured(tmp_path, DEFAULT, "[core]\n    remote = mine\n")) == "mine"
    assert dvc_cli.remote(tmp_path) == "mine"


def test_the_local_configuration_alone_is_enough(tmp_path):
    assert dvc_cli.remote(configured(tmp_path, None, "[core]\nremote = mine\n")) == "mine"


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "[core]\n    analytics = false\n",
        "['remote \"storage\"']\n    url = /x\n",
        "[core]\nremote =\n",
    ],
)
def test_without_a_default_remote_the_mend_is_named(tmp_path, config):
    with pytest.raises(UserError, match=r"no DVC remote to share with\. Add one: dvc remote add --default"):
        dvc_cli.remote(configured(tmp_path, config))


def test_a_broken_configuration_is_one_message(tmp_path):
    with pytest.raises(UserError) as caught:
        dvc_cli.remote(configured(tmp_path, "remote = storage\n"))
    assert caught.value.code == "dvc.bad_config"


def test_dvc_is_started_by_this_python_and_waits_for_locks():
    assert dvc_cli.command("repro", "-s", "train") == [
        sys.executable, "-m", "flows.dvc_cli", "--wait-for-lock", "repro", "-s", "train",
    ]  # fmt: skip


def test_data_and_models_that_a_team_tracks_itself_travel_with_the_pipeline(tmp_path):
    for name in (
        "data/raw/mine.jsonl.gz.dvc",
        "models/previous.dvc",
        "compare/dvc.yaml",
        "models/adapter/config.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert dvc_cli.own(tmp_path) == ["dvc.yaml", "data/raw/mine.jsonl.gz.dvc", "models/previous.dvc"]
