"""What a command writes never lands on what somebody else has."""

from pathlib import Path

import pytest

from flows import output
from realign.errors import UserError


def test_what_can_be_written_is_let_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output.check(
        {"--json": (Path("new.json"), ".json"), "--html": (None, ".html")}, never=tmp_path / "data.jsonl"
    )


def test_all_that_cannot_is_said_at_once(tmp_path):
    data = tmp_path / "data.json"
    data.write_text("precious")
    wanted = {
        "--html": (tmp_path / "data.jsonl", ".html"),
        "--json": (tmp_path / "." / "data.json", ".json"),
        "--other": (tmp_path, ".json"),
        "--last": (tmp_path / "nowhere" / "x.json", ".json"),
    }
    with pytest.raises(UserError) as refused:
        output.check(wanted, never=data)
    assert refused.value.code == "output.not_writable"
    message = str(refused.value)
    for words in (
        "--html",
        "must end in .html",
        "is the file that is read",
        "is a folder",
        "nowhere does not exist",
    ):
        assert words in message, words
    assert data.read_text() == "precious"
