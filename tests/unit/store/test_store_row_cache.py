"""The row store: durable, atomic, first value wins."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping

import pytest

from realign.store.row_cache import RowCache


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "rows.sqlite"


def test_rows_come_back_and_unknown_keys_do_not(path):
    store = RowCache(path)
    store.put({"a": b"1", "b": b"\x00\xff", "": b""})
    assert store.get(["b", "missing", "a", "", "a"]) == {"a": b"1", "b": b"\x00\xff", "": b""}
    assert store.get([]) == {}


def test_the_first_value_of_a_key_stays(path):
    store = RowCache(path)
    store.put({"a": b"first"})
    store.put({"a": b"second", "b": b"new"})
    assert store.get(["a", "b"]) == {"a": b"first", "b": b"new"}


def test_more_keys_than_one_statement_holds(path):
    store = RowCache(path)
    store._db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)  # as old builds have it
    rows = {f"key{i}": str(i).encode() for i in range(2501)}
    store.put(rows)
    assert store.get(iter([*rows, "other"])) == rows


def test_rows_are_there_after_reopening_and_for_a_second_reader(path):
    store = RowCache(path)
    store.put({"a": b"1"})
    assert RowCache(path).get(["a"]) == {"a": b"1"}
    store.close()
    again = RowCache(path)
    again.put({"b": b"2"})
    assert again.get(["a", "b"]) == {"a": b"1", "b": b"2"}


def test_all_rows_of_a_put_are_stored_or_none(path):
    class Breaking(Mapping):
        def __getitem__(self, key):
            raise NotImplementedError

        def __iter__(self):
            yield from ("a", "b")

        def __len__(self):
            return 2

        def items(self):
            yield "a", b"1"
            raise RuntimeError("killed in between")

    store = RowCache(path)
    with pytest.raises(RuntimeError, match="in between"):
        store.put(Breaking())
    assert store.get(["a"]) == {}
    store.put({"a": b"later"})
    assert store.get(["a"]) == {"a": b"later"}


def test_a_killed_process_loses_no_row_that_was_put(path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from realign.store.row_cache import RowCache\n"
        "store = RowCache(Path(sys.argv[1]))\n"
        "store.put({str(i): b'x' * 5000 for i in range(300)})\n"
        "store._db.execute('BEGIN IMMEDIATE')\n"
        "store._db.execute(\"INSERT INTO rows VALUES ('half', x'00')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    found = RowCache(path).get([*map(str, range(300)), "half"])
    assert len(found) == 300
    assert set(found.values()) == {b"x" * 5000}


def test_a_power_cut_loses_no_row_that_was_put(path):
    # Cannot be cut here: SQLite promises it for these two settings.
    store = RowCache(path)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)
