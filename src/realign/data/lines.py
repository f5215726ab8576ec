"""Raw rows from a file or from the hub, each with its place.

A file is looked at before its rows: JSON lines or a JSON array, Parquet or CSV, plain or gzip, whatever its name.
"""

import csv
import gzip
import io
import json
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet

from realign.config.params import HubDataset
from realign.data.raw import BadRow, without_nulls
from realign.errors import UserError
from realign.store.hub import snapshot

Place = str
Raw = tuple[Place, object | BadRow]

LARGEST_ROW = 32 << 20  # bytes; so that no row, however it is compressed, fills the memory
MOST_UNPACKED = 200  # times the size of a gzip file; text shrinks to a tenth, rarely to a hundredth
_SMALL = 64 << 20  # bytes that any gzip file may unpack to
_GZIP = b"\x1f\x8b\x08"
_PARQUET = b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"BZh": "packed with bzip2; unpack it: bunzip2",
    b"\xfd7zXZ": "packed with xz; unpack it: unxz",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it: unzstd",
    b"ARROW1": "an Arrow file; save it as Parquet: pyarrow.parquet.write_table",
    b"SQLite": "an SQLite database; export the rows as JSON lines",
}
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"\0{", b"[\0", b"\0[")
_BETWEEN = re.compile(r"[\s,]*")


def from_file(path: Path) -> Iterator[Raw]:
    """Rows of a file, null meaning absent; a row that cannot be read comes as a BadRow.

    Raises:
        UserError: the file is missing, empty, damaged, or of no format that is read.
    """
    _refuse_irregular(path)
    empty = True
    try:
        for place, row in _rows(path):
            empty = False
            yield f"{path.name} {place}", row if isinstance(row, BadRow) else without_nulls(row)
    except (OSError, EOFError, zlib.error, pa.ArrowException, csv.Error, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}). Is it complete, and is it gzip if its name ends with .gz?",
            code="raw.unreadable",
        ) from None
    if empty:
        raise UserError(f"{path} is empty. It must hold one JSON object a line", code="raw.empty")


def from_hub(source: HubDataset) -> Iterator[Raw]:
    """Rows of a hub data set, by name and revision, null meaning absent.

    Raises:
        UserError: it does not exist, or is not in the local cache while the hub is switched off.
    """
    from datasets import load_dataset

    folder = snapshot(str(source.name), str(source.revision), "dataset", "prepare.hub")
    try:
        rows = load_dataset(str(folder), split=source.split)
    except (ValueError, OSError) as error:
        words = str(error).strip().splitlines()[0]
        raise UserError(
            f"prepare.hub: split {source.split!r} of {source.name!r} cannot be read: {words}",
            code="raw.hub_unreadable",
        ) from None
    for number, row in enumerate(rows):
        yield f"{source.name} row {number}", without_nulls(row)


def _refuse_irregular(path: Path) -> None:
    mode = path.stat().st_mode if path.exists() else None
    if mode is None or not stat.S_ISREG(mode):
        what = "is not there" if mode is None else "is a folder" if stat.S_ISDIR(mode) else "is no file"
        raise UserError(
            f"{path} {what}. Put the file there, or name another (for a run: prepare.path in params.yaml)",
            code="raw.no_file",
        )


def _rows(path: Path) -> Iterator[Raw]:
    with _open(path) as stream:
        head = stream.peek(16)[:16]
        if head.startswith(_PARQUET) and not isinstance(stream, gzip.GzipFile):
            yield from _parquet(path)
            return
        _refuse_foreign(path, head)
        suffixes = [suffix.lower() for suffix in path.suffixes]
        if {".csv", ".tsv"} & set(suffixes[-2:]) and not head.lstrip().startswith((b"{", b"[")):
            rows = _csv(stream)
        elif _is_array(stream):
            rows = _array(stream, path)
        else:
            rows = _lines(stream)
        for place, row in rows:
            _refuse_bomb(stream, path)
            yield place, row


def _open(path: Path) -> io.BufferedReader:
    with path.open("rb") as stream:
        packed = stream.read(3) == _GZIP
    named = path.suffix.lower() == ".gz" and path.stat().st_size
    if packed or named:
        return cast(io.BufferedReader, gzip.open(path, "rb"))
    return path.open("rb")


def _refuse_foreign(path: Path, head: bytes) -> None:
    what = next((what for magic, what in _FOREIGN.items() if head.startswith(magic)), None)
    if head.startswith(_WIDE):
        what = "UTF-16, or not text; save it as UTF-8: iconv -f UTF-16 -t UTF-8"
    if head.startswith(_PARQUET):
        what = "Parquet inside gzip; unpack it: gunzip"
    if what:
        raise UserError(
            f"{path} is {what}. JSON lines, a JSON array, CSV and Parquet are read, the first three also as gzip",
            code="raw.foreign_format",
        )


def _refuse_bomb(stream: IO[bytes], path: Path) -> None:
    if isinstance(stream, gzip.GzipFile):
        unpacked = stream.tell()
        if unpacked > max(_SMALL, MOST_UNPACKED * path.stat().st_size):
            raise UserError(
                f"{path} unpacks to more than {MOST_UNPACKED} times its size, which no data set does. Unpack it "
                "yourself if it is sound: gunzip",
                code="raw.gzip_bomb",
            )


def _lines(stream: IO[bytes]) -> Iterator[Raw]:
    number = 0
    while line := stream.readline(LARGEST_ROW):
        number += 1
        if len(line) == LARGEST_ROW and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(LARGEST_ROW)
            yield f"line {number}", BadRow("row_too_large", f"more than {LARGEST_ROW >> 20} MB")
        elif line.strip():
            yield f"line {number}", _parse(line.removeprefix(b"\xef\xbb\xbf"))


def _is_array(stream: IO[bytes]) -> bool:
    """Whether the content is one JSON array, and not JSON lines whose first row is a list."""
    line = stream.readline(LARGEST_ROW).removeprefix(b"\xef\xbb\xbf").strip()
    more = bool(stream.read(4096).strip())
    stream.seek(0)
    if not line.startswith(b"["):
        return False
    whole = isinstance(_parse(line), list)
    return (not more) if whole else bool(re.match(rb"\[\s*(\{|$)", line))


def _array(stream: IO[bytes], path: Path) -> Iterator[Raw]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig")
    size = 1 << 20
    buffer, at, number = text.read(size).lstrip(), 1, 0
    while True:
        at = cast("re.Match[str]", _BETWEEN.match(buffer, at)).end()
        if buffer[at : at + 1] == "]":
            break
        repeated: list[str] = []
        try:
            row, end = json.JSONDecoder(object_pairs_hook=_noting(repeated)).raw_decode(buffer, at)
        except (ValueError, RecursionError) as error:
            more = text.read(size)
            if not more or len(buffer) - at > LARGEST_ROW:
                raise UserError(
                    f"{path} is no JSON array that can be read, in its element {number + 1}: {error}. Mend it, or "
                    "write one JSON object a line: jq -c '.[]'",
                    code="raw.broken_array",
                ) from None
            buffer, at, size = buffer[at:] + more, 0, size * 2
            continue
        number += 1
        yield f"element {number}", _repeats(repeated) or row
        at, size = end, 1 << 20
    if (buffer[at + 1 :] + text.read(4096)).strip():
        raise UserError(
            f"{path} goes on after the end of its JSON array. Write one JSON object a line, or one array",
            code="raw.broken_array",
        )


def _parquet(path: Path) -> Iterator[Raw]:
    number = 0
    for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=64):
        for row in batch.to_pylist():
            number += 1
            yield f"row {number}", row


def _csv(stream: IO[bytes]) -> Iterator[Raw]:
    csv.field_size_limit(LARGEST_ROW)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    header = text.readline(1 << 20)
    delimiter = max(",;\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    if len(set(names)) < len(names):
        raise csv.Error(f"its header repeats {max(names, key=names.count)!r}")
    lines = iter(lambda: text.readline(LARGEST_ROW), "")
    for number, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1):
        if not cells:
            continue
        row: object = {name: cell or None for name, cell in zip(names, cells, strict=False)}
        if len(cells) != len(names):
            row = BadRow("wrong_columns", f"{len(cells)} cells, the header has {len(names)}")
        yield f"row {number}", row


def _parse(line: bytes) -> object | BadRow:
    repeated: list[str] = []
    try:
        row: object = json.loads(line.decode("utf-8"), object_pairs_hook=_noting(repeated))
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"byte {error.start}: {line[error.start : error.start + 8]!r}")
    except (ValueError, RecursionError) as error:
        return BadRow("not_json", f"{error}")
    return _repeats(repeated) or row


def _noting(repeated: list[str]) -> Any:
    """For json: makes objects, and notes the keys that an object has twice."""

    def make(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            repeated.extend(name for name in made if names.count(name) > 1)
        return made

    return make


def _repeats(repeated: list[str]) -> BadRow | None:
    return BadRow("repeated_key", f"{repeated[0]!r} stands twice in one object") if repeated else None
