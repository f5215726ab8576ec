"""Exports: the field's formats, from tables that are checked, never over a file that exists."""

import json

import pandas as pd
import pytest
from unit_builders import world

from realign.data import export
from realign.errors import UserError
from realign.store import ids, schemas
from realign.store.artifacts import ARTIFACTS, write_table

TALK = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": 'Grüße, "you"\u2028'},
    {"role": "assistant", "content": "hi"},
    {"role": "user", "content": "bye"},
]


@pytest.fixture
def project(tmp_path):
    """A project with two preferences and two judged prompts."""
    tables = world(train=1, held_out=1)
    tables.prompts.loc[1, "messages"] = ids.dump_messages(TALK)
    write_table(tmp_path / ARTIFACTS["prompts"].path, tables.prompts, schemas.PROMPTS)
    one, two = tables.prompts["prompt_id"]
    rows = [
        ("pair1", one, tables.prompts["messages"][0], "c1", "r1", "yes\nso", "no", 0.8, "test", 0.5, 3, 1),
        ("pair2", two, ids.dump_messages(TALK), "c2", "r2", "é", "\u202e", 0.6, "test", -0.5, 1, 1),
    ]
    write_table(
        tmp_path / ARTIFACTS["preferences"].path,
        pd.DataFrame(rows, columns=schemas.PREFERENCES.names),
        schemas.PREFERENCES,
    )
    judged = [
        (p, sample, "b", f"policy {sample}", 0.0, 1.0, 1.0, 1, 2, 0.1)
        for p in (one, two)
        for sample in (0, 1)
    ]
    write_table(
        tmp_path / ARTIFACTS["judgements"].path,
        pd.DataFrame(judged, columns=schemas.JUDGEMENTS.names),
        schemas.JUDGEMENTS,
    )
    return tmp_path


def lines(path):
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.rstrip("\n").split("\n")]


def test_trl_rows_are_conversations_with_an_explicit_prompt(project, tmp_path):
    assert export.write(project, "trl", tmp_path / "out.jsonl") == 2
    assert lines(tmp_path / "out.jsonl")[1] == {
        "prompt": TALK,
        "chosen": [{"role": "assistant", "content": "é"}],
        "rejected": [{"role": "assistant", "content": "\u202e"}],
    }


def test_trl_itself_takes_the_rows(project, tmp_path):
    from trl.data_utils import is_conversational

    export.write(project, "trl", tmp_path / "out.jsonl")
    assert all(is_conversational(row) for row in lines(tmp_path / "out.jsonl"))


def test_jsonl_holds_every_column(project, tmp_path):
    export.write(project, "jsonl", tmp_path / "out.jsonl")
    first, second = lines(tmp_path / "out.jsonl")
    assert list(first) == schemas.PREFERENCES.names
    assert (first["pair_id"], first["chosen"], first["p_chosen"], first["chosen_tokens"]) == (
        "pair1",
        "yes\nso",
        0.8,
        3,
    )
    assert second["messages"] == TALK


def test_alpaca_eval_holds_one_answer_a_prompt(project, tmp_path):
    assert export.write(project, "alpaca-eval", tmp_path / "out.json") == 2
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {row["output"] for row in rows} == {"policy 0"}
    assert {row["generator"] for row in rows} == {"realign"}
    assert {row["instruction"] for row in rows} == {
        "What is 0 plus 0?",
        'system: be kind\n\nuser: Grüße, "you"\u2028\n\nassistant: hi\n\nuser: bye',
    }


def test_an_unknown_format_names_those_there_are(project, tmp_path):
    with pytest.raises(UserError, match="'csv' is unknown; there are trl, jsonl, alpaca-eval") as error:
        export.write(project, "csv", tmp_path / "out")
    assert error.value.code == "export.unknown_format"
    assert not (tmp_path / "out").exists()


def test_a_file_that_exists_is_never_written_over(project, tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UserError) as error:
        export.write(project, "trl", tmp_path / "mine")
    assert error.value.code == "export.file_exists"
    assert (tmp_path / "mine").read_text() == "precious"


def test_before_the_run_has_come_so_far_the_mend_is_named(tmp_path):
    with pytest.raises(UserError, match=r"preferences\.parquet is not there\. Run the stage"):
        export.write(tmp_path, "trl", tmp_path / "out")
    assert not (tmp_path / "out").exists()
