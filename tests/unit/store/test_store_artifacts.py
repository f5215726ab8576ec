"""Artifacts: typed both ways, whole or not at all, the same bytes for the same content."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from unit_builders import refused, shuffled, world

from realign.errors import UserError
from realign.store import artifacts, schemas
from realign.store.artifacts import ARTIFACTS, read_json, read_table, write_json, write_table, write_text


def scores(**changes):
    plain = {
        "prompt_id": ["b", "a", "a"],
        "response_id": ["x", "z", "y"],
        "annotator": ["me", "me", "me"],
        "score": [0.1, -2.5, 1 / 3],
    }
    return pd.DataFrame(plain | changes)


def refusal(frame, table, path):
    with refused("artifact.improper") as caught:
        write_table(path, frame, table)
    assert not path.exists()
    return str(caught.value)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_comes_back_as_it_was_sorted_by_key(tmp_path, ending):
    path = tmp_path / "deep" / f"table.{ending}"
    write_table(path, scores(), schemas.SCORES)
    found = read_table(path, schemas.SCORES)
    assert found.to_dict("list") == {
        "prompt_id": ["a", "a", "b"],
        "response_id": ["y", "z", "x"],
        "annotator": ["me", "me", "me"],
        "score": [1 / 3, -2.5, 0.1],
    }
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["prompts", "given", "scores", "responses", "embeddings"])
def test_the_same_content_is_the_same_bytes_whatever_the_row_order(tmp_path, name):
    frame = getattr(world(), name)
    table = ARTIFACTS[name].table
    for number, rows in enumerate((frame, shuffled(frame), frame[frame.columns[::-1]].iloc[::-1])):
        write_table(tmp_path / f"{number}.parquet", rows, table)
    assert len({(tmp_path / f"{number}.parquet").read_bytes() for number in range(3)}) == 1
    metadata = pa.parquet.read_schema(tmp_path / "0.parquet").metadata
    assert b"pandas" not in (metadata or {})


def test_another_content_is_other_bytes(tmp_path):
    write_table(tmp_path / "a.parquet", scores(), schemas.SCORES)
    write_table(tmp_path / "b.parquet", scores(score=[0.1, -2.5, 0.3]), schemas.SCORES)
    assert (tmp_path / "a.parquet").read_bytes() != (tmp_path / "b.parquet").read_bytes()


def test_nulls_pass_only_where_the_schema_allows_them(tmp_path):
    given = world().given.assign(generator=None)
    write_table(tmp_path / "given.parquet", given, schemas.GIVEN)
    assert read_table(tmp_path / "given.parquet", schemas.GIVEN)["generator"].isna().all()
    message = refusal(
        scores(score=[1, np.nan, None], annotator=[None, "a", "b"]), schemas.SCORES, tmp_path / "s.parquet"
    )
    assert "column 'score' has 2 null(s), first in row 1" in message
    assert "column 'annotator' has 1 null(s), first in row 0" in message


def test_all_missing_and_unknown_columns_are_named_at_once(tmp_path):
    frame = scores(extra=1, more=2).drop(columns=["score", "annotator"])
    message = refusal(frame, schemas.SCORES, tmp_path / "s.parquet")
    assert message.splitlines()[0].endswith("is not a proper table 'scores':")
    assert [line.strip() for line in message.splitlines()[1:]] == [
        "- column 'annotator' is missing",
        "- column 'score' is missing",
        "- column 'extra' is unknown",
        "- column 'more' is unknown",
    ]


def test_a_repeated_key_is_shown(tmp_path):
    message = refusal(
        scores(prompt_id="p", response_id=["x", "x", "y"]), schemas.SCORES, tmp_path / "s.parquet"
    )
    assert "1 row(s) repeat a key" in message
    assert "'response_id': 'x'" in message


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"score": ["high", "low", "1"]}, "score"),
        ({"annotator": [1, 2, 3]}, "annotator"),
        ({"annotator": ["a", 1, "b"]}, "annotator"),
        ({"score": [[1], [2], [3]]}, "score"),
        ({"score": ["1", "2", "3"]}, "score"),
        ({"score": [True, False, True]}, "score"),
        ({"annotator": [b"a", b"b", b"c"]}, "annotator"),
        ({"annotator": [["a"], ["b"], ["c"]]}, "annotator"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path, changes, column):
    assert f"column {column!r}" in refusal(scores(**changes), schemas.SCORES, tmp_path / "s.parquet")


def test_a_fraction_is_no_whole_number(tmp_path):
    responses = world().responses
    path = tmp_path / "r.parquet"
    assert "column 'k'" in refusal(responses.assign(k=0.5), schemas.RESPONSES, path)
    write_table(path, responses.assign(k=1.0), schemas.RESPONSES)
    assert read_table(path, schemas.RESPONSES)["k"].dtype == "int64"


def test_all_columns_of_the_wrong_type_are_named_at_once(tmp_path):
    message = refusal(
        scores(score=["high", "low", "?"], annotator=[1, 2, 3]), schemas.SCORES, tmp_path / "s.parquet"
    )
    assert "column 'score'" in message
    assert "column 'annotator'" in message


def test_wrong_types_nulls_and_keys_are_named_at_once(tmp_path):
    frame = scores(prompt_id="p", response_id="x", score=["1", None, "2"])
    path = tmp_path / "s.parquet"
    message = refusal(frame, schemas.SCORES, path)
    assert "column 'score' has 1 null(s), first in row 1" in message
    assert "column 'score' is not double: it holds" in message
    assert "2 row(s) repeat a key" in message
    loose = pa.schema([(name, pa.string()) for name in [*frame.columns, "extra"]])
    pa.parquet.write_table(pa.Table.from_pandas(frame.assign(extra="?"), loose), path)
    with refused("artifact.improper") as caught:
        read_table(path, schemas.SCORES)
    lines = str(caught.value).splitlines()[1:]
    for line, words in zip(lines, ("is unknown", "1 null", "must be double", "repeat a key"), strict=True):
        assert words in line


def test_whole_numbers_in_text_are_no_whole_numbers(tmp_path):
    responses = world().responses
    assert "column 'k'" in refusal(responses.assign(k="1"), schemas.RESPONSES, tmp_path / "r.parquet")


def test_vectors_of_unequal_length_are_refused(tmp_path):
    frame = pd.DataFrame({"response_id": ["a", "b"], "vector": [[1.0, 2.0], [1.0, 2.0, 3.0]]})
    message = refusal(frame, schemas.EMBEDDINGS, tmp_path / "e.parquet")
    assert "column 'vector'" in message and "from 2 to 3 numbers" in message


def test_text_in_place_of_a_vector_is_a_user_error(tmp_path):
    frame = pd.DataFrame({"response_id": ["a"], "vector": ["abc"]})
    assert "column 'vector'" in refusal(frame, schemas.EMBEDDINGS, tmp_path / "e.parquet")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_an_empty_table_keeps_its_columns_and_types(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    write_table(path, pd.DataFrame([], columns=schemas.HISTOGRAM.names), schemas.HISTOGRAM)
    found = read_table(path, schemas.HISTOGRAM)
    assert list(found.columns) == schemas.HISTOGRAM.names
    assert len(found) == 0


def test_text_with_commas_quotes_and_lines_survives_csv(tmp_path):
    frame = pd.DataFrame({"picks": ['a,"b"', ""], "bin": 0, "low": 1e-300, "high": 0.1 + 0.2, "pairs": 1})
    write_table(tmp_path / "h.csv", frame, schemas.HISTOGRAM)
    found = read_table(tmp_path / "h.csv", schemas.HISTOGRAM)
    assert found["picks"].tolist() == ["", 'a,"b"']
    assert found["high"].tolist() == [0.1 + 0.2] * 2


def test_an_absent_table_says_what_to_run(tmp_path):
    with refused("artifact.missing", match=r"none\.parquet is not there\. Run the stage that makes it"):
        read_table(tmp_path / "none.parquet", schemas.SCORES)


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_damaged_parquet_file_is_a_user_error(tmp_path, content):
    path = tmp_path / "scores.parquet"
    path.write_bytes(content)
    with refused("artifact.unreadable", match=r"(?s)scores\.parquet cannot be read as a table.*dvc checkout"):
        read_table(path, schemas.SCORES)


def test_a_cut_parquet_file_is_a_user_error_wherever_it_is_cut(tmp_path):
    path = tmp_path / "scores.parquet"
    write_table(path, scores(), schemas.SCORES)
    whole = path.read_bytes()
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        with refused("artifact.unreadable", match="cannot be read as a table"):
            read_table(path, schemas.SCORES)


def test_a_parquet_file_with_a_flipped_byte_is_read_or_a_user_error(tmp_path):
    path = tmp_path / "scores.parquet"
    write_table(path, scores(), schemas.SCORES)
    whole = path.read_bytes()
    others = set()
    for at in range(0, len(whole), 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_table(path, schemas.SCORES)
        except UserError:
            pass
        except Exception as error:  # what it may be is the question
            others.add(type(error).__name__)
    assert others == set()


def test_a_table_of_another_schema_is_refused_with_all_differences(tmp_path):
    path = tmp_path / "t.parquet"
    frame = scores(score=[1, 2, 3], extra=True).drop(columns="annotator")
    pa.parquet.write_table(pa.Table.from_pandas(frame), path)
    with refused("artifact.improper") as caught:
        read_table(path, schemas.SCORES)
    lines = str(caught.value).splitlines()[1:]
    assert "  - column 'annotator' is missing" in lines
    assert "  - column 'score' is int64, it must be double" in lines
    assert "  - column 'extra' is unknown" in lines


def test_a_table_changed_by_hand_is_checked_for_nulls_and_keys(tmp_path):
    path = tmp_path / "t.parquet"
    frame = scores(prompt_id="p", response_id="x", score=[1.0, None, 2.0])
    loose = pa.schema([pa.field(c.name, c.type) for c in schemas.SCORES.columns])
    pa.parquet.write_table(pa.Table.from_pandas(frame, loose), path)
    with refused("artifact.improper", match=r"'score' has 1 null(?s:.*)repeat a key"):
        read_table(path, schemas.SCORES)


@pytest.mark.parametrize(
    "content",
    [
        "picks,bin,low,high,pairs\nall,x,0,1,2\n",
        "picks,bin,low,high,pairs\nall,1,0,1\n",
        "picks,bin,low,high,pairs\nall,,0,1,2\n",
        "picks,bin\nall,1\n",
        "",
    ],
)
def test_a_csv_table_changed_by_hand_is_a_user_error(tmp_path, content):
    path = tmp_path / "h.csv"
    path.write_text(content)
    with pytest.raises(UserError, match=r"h\.csv"):
        read_table(path, schemas.HISTOGRAM)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_full_disk_leaves_the_old_table_as_it_was(tmp_path, monkeypatch, name):
    path = tmp_path / name
    write_table(path, scores(), schemas.SCORES)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space"):
        write_table(path, scores(score=[9.0, 9.0, 9.0]), schemas.SCORES)
    with pytest.raises(UserError, match="No space"):
        write_text(tmp_path / "new.txt", "text")
    assert path.read_bytes() == before
    assert not (tmp_path / "new.txt").exists()


def test_a_table_is_on_disk_before_it_is_in_place(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    seen = []
    real = os.fsync

    def sync(descriptor):
        seen.append((path.exists(), os.fstat(descriptor).st_size > 0))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    write_table(path, scores(), schemas.SCORES)
    write_text(tmp_path / "t.txt", "text")
    assert seen == [(False, True), (True, True)]


def test_text_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "t.txt", "a\ud800")
    assert list(tmp_path.iterdir()) == []


def test_json_has_sorted_keys_plain_letters_and_one_end_of_line(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_never_holds_what_is_no_number(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": value})
    assert list(tmp_path.iterdir()) == []


def test_broken_or_absent_json_says_what_to_run(tmp_path):
    with refused("artifact.missing", match="is not there"):
        read_json(tmp_path / "a.json")
    for content in (b"{", b"\xff"):
        (tmp_path / "a.json").write_bytes(content)
        with refused("artifact.unreadable", match=r"is not valid JSON.*Run its stage again"):
            read_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", ["[]", "null", "3", '"text"'])
def test_json_that_is_no_object_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with refused("artifact.unreadable", match=r"holds no JSON object.*Run its stage again"):
        read_json(tmp_path / "a.json")


def test_a_folder_is_moved_whole_and_replaces_the_old_one(tmp_path):
    source, target = tmp_path / "new", tmp_path / "models" / "base"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "weights").write_text("new")
    (source / "sub" / "weights").chmod(0o600)
    target.mkdir(parents=True)
    (target / "stale").write_text("old")
    artifacts.move_folder(source, target)
    assert [str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()] == ["sub/weights"]
    assert (target / "sub" / "weights").stat().st_mode & 0o777 == 0o644
    assert not source.exists()


def test_every_artifact_has_a_place_of_its_own():
    paths = [artifact.path for artifact in ARTIFACTS.values()]
    assert len(set(paths)) == len(paths)
    tabular = {a.path for a in ARTIFACTS.values() if a.table}
    assert tabular == {path for path in paths if path.endswith((".parquet", ".csv"))}


def test_every_schema_names_its_key_among_its_columns_and_forbids_nulls_there():
    for table in [one for one in vars(schemas).values() if isinstance(one, schemas.Table)]:
        assert set(table.key) <= {c.name for c in table.columns if not c.nullable}, table.name
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning for column in table.columns), table.name
