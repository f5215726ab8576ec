"""Raw rows from a file (JSON lines, plain or gzip) or from the hub, each with its place."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from realign.config.params import HubDataset
from realign.data.raw import BadRow
from realign.errors import UserError
from realign.store.hub import snapshot

Place = str
Raw = tuple[Place, object | BadRow]


def from_file(path: Path) -> Iterator[Raw]:
    """Rows of a JSON lines file; a line that cannot be read comes as a BadRow.

    Raises:
        UserError: the file is missing, empty, or not what its ending says.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise UserError(
            f"{path} {what}. Put the file there, or name another (for a run: prepare.path in params.yaml)",
            code="raw.no_file",
        )
    empty = True
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    empty = False
                    yield f"{path.name} line {number}", _parse(line.removeprefix(b"\xef\xbb\xbf"))
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read ({error}). Is it complete, and is it gzip if its name ends with .gz?",
            code="raw.unreadable",
        ) from None
    if empty:
        raise UserError(f"{path} is empty. It must hold one JSON object a line", code="raw.empty")


def from_hub(source: HubDataset) -> Iterator[Raw]:
    """Rows of a hub data set, by name and revision.

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
        yield f"{source.name} row {number}", row


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _parse(line: bytes) -> object | BadRow:
    try:
        return json.loads(line.decode("utf-8"))  # type: ignore[no-any-return]
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"byte {error.start}: {line[error.start : error.start + 8]!r}")
    except (ValueError, RecursionError) as error:
        return BadRow("not_json", f"{error}")
