"""Raw lines: each with its place, damage to a line set aside, damage to the file one clear error."""

import gzip
import json

import pytest

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
