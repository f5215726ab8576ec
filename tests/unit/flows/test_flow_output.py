"""What a command writes never lands on what somebody else has."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows import output
from realign.errors import UserError
from realign.experiments import plan


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


PLAN = dict.fromkeys(plan.COLUMNS, "right") | {"strategy": "left"}
LEDGER = {"labeler": "left", "annotator": "left"} | dict.fromkeys(
    ("labels", "tied", "both_bad", "abstained", "calls", "tokens_in", "tokens_out", "price"), "right"
)


@pytest.mark.parametrize("columns", [PLAN, LEDGER], ids=["plan", "ledger"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_keeps_its_headings_and_cells_whole_in_a_narrow_terminal(columns, width, monkeypatch):
    console = Console(width=width, record=True, file=io.StringIO())
    monkeypatch.setattr(output, "console", console)
    cells = [f"{1234567 * at:,}" for at in range(len(columns))]
    cells[0] = "a judge's name" if columns is PLAN else "llm_judge qwen/Qwen2.5-72B-Instruct@" + "0" * 40
    output.show("Title", columns, [cells])
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    words = [word for name in columns for word in name.split()]
    assert [word for word in [*words, *cells[2:]] if word not in text] == []
    assert (text.count("┏") == 1) == (width == 200)
