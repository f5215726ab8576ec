"""Raw lines: each with its place, damage to a line set aside, damage to the file one clear error."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import threading

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realign.data.lines import from_file
from realign.data.raw import BadRow
from realign.errors import UserError

ROW = {"prompt": "é?"}


def written(path, content):
    path.write_bytes(content)
    return path


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_each_row_comes_with_file_and_line(tmp_path):
    path = written(tmp_path / "raw.jsonl", b"\n" + lines(ROW) + b"  \n" + lines(1, None).rstrip())
    assert list(from_file(path)) == [
        ("raw.jsonl line 2", ROW),
        ("raw.jsonl line 4", 1),
        ("raw.jsonl line 5", None),
    ]


def test_gzip_reads_like_plain(tmp_path):
    path = written(tmp_path / "raw.jsonl.gz", gzip.compress(lines(ROW, ROW)))
    assert list(from_file(path)) == [("raw.jsonl.gz line 1", ROW), ("raw.jsonl.gz line 2", ROW)]


def test_a_byte_order_mark_is_no_trouble(tmp_path):
    path = written(tmp_path / "raw.jsonl", b"\xef\xbb\xbf" + lines(ROW))
    assert list(from_file(path)) == [("raw.jsonl line 1", ROW)]


def test_windows_ends_of_line_are_no_trouble(tmp_path):
    path = written(tmp_path / "raw.jsonl", lines(ROW, ROW).replace(b"\n", b"\r\n"))
    assert [row for _, row in from_file(path)] == [ROW, ROW]


def test_line_separators_inside_a_text_do_not_end_a_line(tmp_path):
    row = {"prompt": "a\u2028b\u0085c\x0bd"}
    path = written(tmp_path / "raw.jsonl", lines(row, row))
    assert [found for _, found in from_file(path)] == [row, row]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"{", "not_json", "Expecting property name"),
        (b'{"a": 1} {"a": 2}', "not_json", "Extra data"),
        (b"[" * 100_000, "not_json", "recursion"),
        (b"9" * 5000, "not_json", "4300"),
        (b'{"a": "caf\xe9 au lait"}', "not_utf8", r"byte 10: b'\xe9 au"),
        ('{"a": 1}'.encode("utf-16"), "not_utf8", "byte 0"),
        (b"\xef\xbb\xbf", "not_json", "Expecting value"),
        (b"\x00", "not_json", "Expecting value"),
        (b'{"a": 1, "a": 2}', "repeated_key", "'a' stands twice"),
        (b'{"b": [{"a": 1, "c": 3, "a": 1}]}', "repeated_key", "'a' stands twice"),
    ],
)
def test_a_broken_line_is_set_aside_and_the_rest_is_read(tmp_path, line, reason, detail):
    path = written(tmp_path / "raw.jsonl", lines(ROW) + line + b"\n" + lines(ROW))
    (_, first), (place, broken), *rest = from_file(path)
    assert first == ROW
    assert place == "raw.jsonl line 2"
    assert isinstance(broken, BadRow)
    assert broken.reason == reason
    assert detail in broken.detail
    assert rest[-1][1] == ROW


def test_an_absent_file_or_a_folder_names_the_parameter(tmp_path):
    for path, words in ((tmp_path / "raw.jsonl", "is not there"), (tmp_path, "is a folder")):
        with pytest.raises(UserError, match=rf"{words}\. Put the file there.*prepare\.path") as error:
            list(from_file(path))
        assert error.value.code == "raw.no_file"


@pytest.mark.parametrize(("name", "content"), [
    ("raw.jsonl", b""),
    ("raw.jsonl", b"\n  \n\r\n"),
    ("raw.jsonl.gz", b""),
    ("raw.jsonl.gz", gzip.compress(b"", mtime=0)),
])  # fmt: skip
def test_an_empty_file_is_refused(tmp_path, name, content):
    with pytest.raises(UserError) as error:
        list(from_file(written(tmp_path / name, content)))
    assert error.value.code == "raw.empty"


def damaged(whole):
    yield "cut", whole[:-9]
    yield "cut early", whole[:5]
    yield "changed inside", whole[:14] + bytes(byte ^ 0x55 for byte in whole[14:24]) + whole[24:]
    yield "changed checksum", whole[:-8] + b"\0\0\0\0" + whole[-4:]
    yield "not gzip", b"hello\n"
    yield "something after", whole + b"garbage"


@pytest.mark.parametrize(("what", "content"), list(damaged(gzip.compress(lines(*[ROW] * 50), mtime=0))))
def test_a_damaged_archive_is_refused(tmp_path, what, content):
    with pytest.raises(UserError) as error:
        list(from_file(written(tmp_path / "raw.jsonl.gz", content)))
    assert error.value.code == "raw.unreadable"


ROWS = [
    {"prompt": "why?", "responses": [{"text": "so", "score": 1.5}, {"text": "no", "score": 0.0}]},
    {"prompt": "水?", "responses": [{"text": 'a, "b"\nc', "score": 2.0}]},
]


def as_csv(rows, **options):
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, rows[0], **options)
    writer.writeheader()
    writer.writerows(
        {key: v if isinstance(v, str) else json.dumps(v) for key, v in row.items()} for row in rows
    )
    return stream.getvalue().encode()


def as_parquet(rows):
    stream = io.BytesIO()
    pd.DataFrame(rows).to_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["raw.parquet", "raw.jsonl", "raw"])
def test_parquet_is_known_by_its_content(tmp_path, name):
    assert [row for _, row in from_file(written(tmp_path / name, as_parquet(ROWS)))] == ROWS


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["raw.json", "raw.jsonl", "raw.json.gz"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_reads_like_lines(tmp_path, pack, name, indent):
    if pack is bytes and name.endswith(".gz"):
        name = "raw"
    content = json.dumps(ROWS, indent=indent, ensure_ascii=False).encode()
    places = list(from_file(written(tmp_path / name, pack(b"\xef\xbb\xbf" + content))))
    assert [row for _, row in places] == ROWS
    assert places[1][0] == f"{name} element 2"


def test_a_long_json_array_is_read_in_parts(tmp_path):
    rows = [{"n": n, "text": "x" * 40_000} for n in range(100)]
    path = written(tmp_path / "raw.json", json.dumps(rows).encode())
    assert [row["n"] for _, row in from_file(path)] == list(range(100))


@pytest.mark.parametrize("content", [b'[{"a": 1}, {"a": ', b'[{"a": 1} x]', b'[{"a": 1}] {"a": 2}', b"[\n{]"])
def test_a_broken_json_array_is_one_message(tmp_path, content):
    with pytest.raises(UserError) as error:
        list(from_file(written(tmp_path / "raw.json", content)))
    assert error.value.code == "raw.broken_array"


@pytest.mark.parametrize(("name", "options"), [
    ("raw.csv", {}), ("RAW.CSV", {}), ("raw.csv", {"delimiter": ";"}), ("raw.tsv", {"delimiter": "\t"}),
])  # fmt: skip
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_csv_gives_texts_that_readers_unfold(tmp_path, name, options, pack):
    path = written(tmp_path / name, pack(b"\xef\xbb\xbf" + as_csv(ROWS, **options)))
    rows = [row for _, row in from_file(path)]
    assert [row["prompt"] for row in rows] == ["why?", "水?"]
    assert [json.loads(row["responses"]) for row in rows] == [row["responses"] for row in ROWS]


def test_csv_rows_of_another_width_are_set_aside_and_empty_cells_are_absent(tmp_path):
    rows = [row for _, row in from_file(written(tmp_path / "a.csv", b"prompt,score\na,1\nb\nc,\nd,1,2\n"))]
    assert rows[0] == {"prompt": "a", "score": "1"}
    assert rows[2] == {"prompt": "c"}
    assert [row.reason for row in (rows[1], rows[3])] == ["wrong_columns", "wrong_columns"]


@pytest.mark.parametrize(("name", "content", "words"), [
    ("raw.jsonl", '{"a": 1}'.encode("utf-16"), "UTF-16"),
    ("raw.jsonl", '{"a": 1}'.encode("utf-16-le"), "UTF-16"),
    ("raw.jsonl", b"PK\x03\x04" + b"x" * 99, "zip"),
    ("raw.jsonl.gz", gzip.compress(as_parquet(ROWS)), "Parquet inside gzip"),
    ("raw.bz2", b"BZh91AY", "bzip2"),
])  # fmt: skip
def test_a_foreign_format_is_named_once_with_its_mend(tmp_path, name, content, words):
    with pytest.raises(UserError, match=words) as error:
        list(from_file(written(tmp_path / name, content)))
    assert error.value.code == "raw.foreign_format"
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["raw.jsonl", "raw.GZ", "raw"])
def test_gzip_is_known_by_its_content(tmp_path, name):
    assert [row for _, row in from_file(written(tmp_path / name, gzip.compress(lines(ROW))))] == [ROW]


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "raw.jsonl")
    caught = []

    def read():
        try:
            list(from_file(tmp_path / "raw.jsonl"))
        except UserError as error:
            caught.append(error.code)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(20)
    assert caught == ["raw.no_file"]


def test_null_means_absent_and_keeps_the_places_of_a_list(tmp_path):
    row = {"a": None, "b": {"c": None}, "d": [1, None, {"e": None, "f": 0}], "g": {}, "h": float("nan")}
    path = written(tmp_path / "raw.jsonl", json.dumps(row).encode())
    assert [found for _, found in from_file(path)] == [{"d": [1, None, {"f": 0}], "g": {}}]


@pytest.mark.parametrize("unit", [b" ", b"x", b'{"a": "' + b"x" * 600 + b'"}\n', b"[{},\n"])
def test_a_gzip_bomb_fills_no_memory(tmp_path, unit):
    path = tmp_path / "raw.jsonl.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(100):
            stream.write(unit * ((1 << 20) // len(unit)))
    program = (
        "import sys; from pathlib import Path; from realign.data import lines; from realign.errors import UserError\n"
        "import resource; before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    sum(1 for _ in lines.from_file(Path(sys.argv[1])))\n"
        "except UserError as error: print(error.code)\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("raw.gzip_bomb", "raw.broken_array", "raw.empty", "")


HEAD = st.sampled_from(
    [b"", b"PAR1", b"\x1f\x8b\x08", b"[", b"[{", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"a,b\n"]
)
BODY = st.lists(
    st.binary(max_size=12)
    | st.sampled_from([b'{"a": 1}', b"\n", b",", b"]", b'"', b"null", b"\r\n", b'{"a": "']),
    max_size=8,
).map(b"".join)


@settings(max_examples=200)
@given(
    head=HEAD, body=BODY, pack=st.booleans(),
    name=st.sampled_from(["f.jsonl", "f.json", "f.csv", "f.parquet", "f.jsonl.gz"]),
)  # fmt: skip
@example(head=b"", body=as_parquet(ROWS)[:-9], pack=False, name="f.parquet")
@example(
    head=b"", body=as_parquet(ROWS)[:60] + b"\0" * 60 + as_parquet(ROWS)[120:], pack=False, name="f.parquet"
)
def test_any_bytes_are_rows_or_one_message(tmp_path_factory, head, body, pack, name):
    content = head + body
    path = written(tmp_path_factory.getbasetemp() / name, gzip.compress(content) if pack else content)
    try:
        rows = list(from_file(path))
    except UserError as error:
        assert error.code.startswith("raw.") and name in str(error)
    else:
        assert rows
        assert all(place.startswith(name) for place, _ in rows)
