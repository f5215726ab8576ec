"""A full disk and a folder that cannot be written: the folder is named, it is no bug, and the status says so."""

import json

import pytest
from small_disk import fill, small_disk
from test_stage_command import project, status  # noqa: F401  the fixture

from realign.pipeline import declared
from realign.pipeline import runner as stage
from realign.store.artifacts import ARTIFACTS

OUTPUT = ARTIFACTS["prompts"].path


@pytest.mark.parametrize(("state", "code"), [("full", "disk.full"), ("read_only", "disk.closed")])
def test_a_folder_of_outputs_that_takes_nothing_is_named(project, capsys, state, code):  # noqa: F811
    folder = (project / OUTPUT).parent
    with small_disk(folder, **{state: True}):
        assert stage.main(["prepare"]) == 2
        assert status(project)["status"] == "bad_input"
        assert status(project)["code"] == code
        printed = capsys.readouterr().err
        assert str(folder) in printed
        assert "bug" not in printed and "Traceback" not in printed


def test_a_full_work_folder_does_not_leave_the_stage_running(project, capsys, monkeypatch):  # noqa: F811
    with small_disk(project / ".work"):
        run = declared.module("prepare").run

        def fill_meanwhile(*arguments):
            fill(project / ".work")
            return run(*arguments)

        monkeypatch.setattr(declared.module("prepare"), "run", fill_meanwhile)
        assert stage.main(["prepare"]) == 2
        assert status(project)["code"] == "disk.full"
        printed = capsys.readouterr().err
        assert str(project / ".work") in printed
        assert "bug" not in printed and "Traceback" not in printed


@pytest.mark.parametrize("state", ["full", "read_only"])
def test_a_work_folder_that_takes_no_status_is_named(project, capsys, state):  # noqa: F811
    with small_disk(project / ".work", **{state: True}):
        assert stage.main(["prepare"]) == 2
        printed = capsys.readouterr().err
        assert str(project / ".work") in printed and "Traceback" not in printed
        assert not list((project / ".work").glob("*.status.json"))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at inline_container.cc:668] . unexpected pos 64 vs 0"),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_known_in_the_words_of_a_library(project, capsys, monkeypatch, error):  # noqa: F811
    def fail(*_):
        if (project / ".work").is_mount():
            fill(project / ".work")
        raise error

    monkeypatch.setattr(declared.module("prepare"), "run", fail)
    with small_disk(project / ".work"):
        assert stage.main(["prepare"]) == 2
        assert status(project)["code"] == "disk.full"
        assert "bug" not in capsys.readouterr().err
    assert stage.main(["prepare"]) == (1 if isinstance(error, RuntimeError) else 2)


def test_the_status_of_a_bug_stays_a_bug(project, capsys, monkeypatch):  # noqa: F811
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(declared.module("prepare"), "run", fail)
    assert stage.main(["prepare"]) == 1
    assert json.loads((project / ".work/prepare.status.json").read_text())["status"] == "bug"
    assert "this is a bug in realign" in capsys.readouterr().err
