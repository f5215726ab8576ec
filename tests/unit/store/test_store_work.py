"""A stage's corner: the account of rows, what is set aside, checkpoints, messages."""

import importlib.metadata
import shutil
from pathlib import Path

import pandas as pd
import pytest
from unit_builders import refused

import realign
from realign.errors import LabelsMissing, Transient, UserError, ValidationFailed, listing
from realign.store.quarantine import Quarantine, Tally, require_rows
from realign.store.schemas import QUARANTINE
from realign.store.work import Work

MAKER = "realign.models.sampling"


def test_an_account_that_adds_up_passes():
    quarantine = Quarantine()
    quarantine.add("row", "file line 1", "blank")
    quarantine.add_all("row", ["file line 2", "file line 3"], "too_long", ["a", "b"])
    tally = quarantine.tally({"row": 10, "prompt": 7}, {"row": 7, "prompt": 7})
    tally.check(quarantine.frame())
    assert tally.as_json() == {
        "prompt": {"in": 7, "out": 7, "quarantined": {}},
        "row": {"in": 10, "out": 7, "quarantined": {"blank": 1, "too_long": 2}},
    }
    assert str(tally) == "10 rows in, 7 out (1 blank, 2 too_long); 7 prompts in, 7 out"


@pytest.mark.parametrize(("rows_in", "rows_out"), [(10, 8), (10, 10), (9, 9)])
def test_a_lost_or_invented_row_is_a_bug(rows_in, rows_out):
    quarantine = Quarantine()
    quarantine.add("row", "x", "blank")
    tally = quarantine.tally({"row": rows_in}, {"row": rows_out})
    with pytest.raises(RuntimeError, match=f"{rows_in} rows came in, {rows_out} went out, 1 were set aside"):
        tally.check(quarantine.frame())


def test_a_quarantine_table_that_says_otherwise_is_a_bug():
    quarantine = Quarantine()
    quarantine.add("row", "x", "blank")
    with pytest.raises(RuntimeError, match="the quarantine table holds"):
        Tally({"row": 1}, {"row": 0}, {"row": {"too_long": 1}}).check(quarantine.frame())
    with pytest.raises(RuntimeError, match="the quarantine table holds"):
        Tally({"row": 1}, {"row": 1}, {}).check(quarantine.frame())


def test_what_is_set_aside_is_shown_printable_and_short():
    quarantine = Quarantine()
    quarantine.add("row", "x", "bad", "a\0b\x1b[31m\u202ec\ud800" + "y" * 500)
    detail = quarantine.frame()["detail"].iloc[0]
    assert detail.startswith("a b [31m c ")
    assert detail.isprintable()
    assert len(detail) == 200


def test_an_empty_quarantine_has_its_columns():
    frame = Quarantine().frame()
    assert list(frame.columns) == QUARANTINE.names
    assert frame.empty


def test_only_the_named_trainings_checkpoints_stay(tmp_path):
    work = Work(tmp_path, "train")
    old = work.checkpoints("old", MAKER)
    (old / "checkpoint-1").mkdir()
    other = Work(tmp_path, "base").checkpoints("old", MAKER)
    kept = work.checkpoints("new", MAKER)
    (kept / "checkpoint-2").mkdir()
    assert not old.exists()
    assert other.is_dir()
    assert work.checkpoints("new", MAKER) == kept
    assert (kept / "checkpoint-2").is_dir()


def test_each_stage_has_rows_of_its_own(tmp_path):
    rows = Work(tmp_path, "embed").rows(MAKER)
    rows.put({"a": b"1"})
    assert Work(tmp_path, "embed").rows(MAKER).get(["a"]) == {"a": b"1"}
    assert Work(tmp_path, "label").rows(MAKER).get(["a"]) == {}


def test_kept_rows_are_computed_once_each_and_survive_a_kill(tmp_path):
    work, asked = Work(tmp_path, "embed"), []

    def compute(places):
        asked.append(places)
        for at, place in enumerate(places):
            if len(asked) == 1 and at == 2:
                raise KeyboardInterrupt
            yield {at: f"row {place}".encode()}

    with pytest.raises(KeyboardInterrupt):
        work.kept(["a", "b", "a", "c", "d"], compute, "embed", "texts", [MAKER])
    assert work.kept(["d", "c", "a", "b", "c"], compute, "embed", "texts", [MAKER]) == [
        b"row 0", b"row 1", b"row 0", b"row 1", b"row 1",
    ]  # fmt: skip
    assert asked == [[0, 1, 3, 4], [0, 1]]
    work.kept(["a", "d"], compute, "embed", "texts", [MAKER])
    assert len(asked) == 2


@pytest.mark.parametrize("what", ["imported code", "library", "device"])
def test_rows_and_checkpoints_are_those_of_the_code_the_libraries_and_the_device(tmp_path, monkeypatch, what):
    work = Work(tmp_path, "train")
    work.rows(MAKER).put({"a": b"1"})
    before = work.checkpoints("same", MAKER)
    assert before.is_dir()
    assert work.checkpoints("same", MAKER) == before
    if what == "imported code":
        home = tmp_path / "realign"
        shutil.copytree(Path(realign.__file__).parent, home)
        monkeypatch.setattr("realign.store.code._HOME", home)
        for unseen in ("training/dpo.py", "report/page.py"):
            (home / unseen).write_text("another = 1\n")
        with (home / "models" / "batching.py").open("a") as file:
            file.write("# a comment\n")
        assert work.rows(MAKER).get(["a"]) == {"a": b"1"}
        with (home / "models" / "batching.py").open("a") as file:
            file.write("MENDED = True\n")
    elif what == "library":
        real = importlib.metadata.version
        other = {"torch": "0"}
        monkeypatch.setattr("importlib.metadata.version", lambda name: other.get(name) or real(name))
    else:
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr("torch.cuda.get_device_name", lambda: "an accelerator")
    assert work.rows(MAKER).get(["a"]) == {}
    assert work.checkpoints("same", MAKER) != before
    assert not before.exists()


def test_scratch_folders_are_new_and_empty(tmp_path):
    work = Work(tmp_path, "train")
    one, other = work.scratch(), work.scratch()
    assert one != other
    assert list(one.iterdir()) == list(other.iterdir()) == []


def test_failure_reports_lie_outside_the_stages_corner(tmp_path):
    work = Work(tmp_path / ".work", "label")
    assert work.failures() == tmp_path / "reports" / "failures"
    assert work.docs() == tmp_path / "reports" / "data_docs"


def test_provenance_names_versions_and_nothing_of_the_machine(tmp_path):
    import json
    import platform

    Work(tmp_path, "embed").remember(1.234)
    record = json.loads((tmp_path / "provenance" / "embed.json").read_text())
    assert record["seconds"] == 1.23
    assert record["versions"]["torch"]
    assert platform.node() not in json.dumps(record)


def test_nothing_left_to_work_on_says_the_mend():
    require_rows(pd.DataFrame({"a": [1]}), "prompts", "give more")
    with refused("data.nothing_left", match=r"no prompts left to work on\n  - give more"):
        require_rows(pd.DataFrame(), "prompts", "give more")


def test_a_long_list_of_problems_is_cut_with_its_count():
    assert listing("head", ["a", "b"]) == "head\n  - a\n  - b"
    lines = listing("head", [str(i) for i in range(25)], limit=3).splitlines()
    assert lines == ["head", "  - 0", "  - 1", "  - 2", "  - … and 22 more"]
    assert "more" not in listing("head", ["a"] * 20)


def test_each_kind_of_error_leaves_a_status_of_its_own():
    kinds = (UserError, ValidationFailed, LabelsMissing, Transient)
    assert [kind.status for kind in kinds] == [
        "bad_input", "validation_failed", "labels_missing", "transient",
    ]  # fmt: skip
    assert all(issubclass(kind, UserError) for kind in kinds)
