"""Flipped bits and cut files: no table and no cached row that was not written is ever read as data.

FLIPS places of each file, a fixed seed; more with the environment variable REALIGN_FLIPS.
"""

import os
import random
import sqlite3

import pytest
from unit_builders import refused, world

from realign.errors import UserError
from realign.store import artifacts
from realign.store.artifacts import ARTIFACTS
from realign.store.row_cache import RowCache

FLIPS = int(os.environ.get("REALIGN_FLIPS", "40"))
ROWS = {f"key {number}": f"row {number} ".encode() * 40 for number in range(120)}


def damaged(content, seed):
    """The content with one bit flipped, or cut."""
    places = random.Random(seed)
    at = places.randrange(len(content))
    if places.random() < 0.1:
        return content[:at]
    return content[:at] + bytes([content[at] ^ (1 << places.randrange(8))]) + content[at + 1 :]


@pytest.mark.parametrize("name", ["prompts", "responses", "embeddings", "scores"])
def test_a_damaged_table_is_refused_or_reads_as_it_was_written(tmp_path, name):
    path, table = tmp_path / "table.parquet", ARTIFACTS[name].table
    artifacts.write_table(path, getattr(world(), name), table)
    whole, content = artifacts.read_table(path, table), path.read_bytes()
    refusals = 0
    for seed in range(FLIPS):
        path.write_bytes(damaged(content, seed))
        try:
            read = artifacts.read_table(path, table)
        except UserError as error:
            refusals += 1
            assert str(path) in str(error)
        else:
            assert read.equals(whole), f"seed {seed}"
    assert refusals > FLIPS / 3  # a flip in what Parquet skips, as in its statistics, changes nothing


def test_a_damaged_row_cache_gives_only_rows_that_were_put(tmp_path):
    path = tmp_path / "rows.sqlite"
    cache = RowCache(path)
    cache.put(ROWS)
    cache.close()
    content = path.read_bytes()
    lost = 0
    for seed in range(FLIPS):
        path.write_bytes(damaged(content, seed))
        cache = RowCache(path)
        known = cache.get(ROWS)
        assert known.items() <= ROWS.items(), f"seed {seed}"
        lost += len(known) < len(ROWS)
        cache.put({key: ROWS[key] for key in ROWS.keys() - known.keys()})
        known = cache.get(ROWS)  # where a flip has broken the order of the keys, some stay unknown
        assert known.items() <= ROWS.items(), f"seed {seed}"
        cache.close()
    assert lost > FLIPS / 3


@pytest.mark.parametrize("content", [b"", b"rubbish" * 4000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_row_cache_that_is_no_database_is_set_aside(tmp_path, content, capsys):
    path = tmp_path / "rows.sqlite"
    path.write_bytes(content)
    cache = RowCache(path)
    assert cache.get(ROWS) == {}
    cache.put(ROWS)
    assert cache.get(ROWS) == ROWS
    cache.close()
    assert RowCache(path).get(ROWS) == ROWS
    if content:
        assert f"{path} is damaged" in capsys.readouterr().err
        assert path.with_name("rows.sqlite.damaged").read_bytes()[:5000] == content[:5000]


def test_a_log_of_another_file_is_not_believed(tmp_path):
    path = tmp_path / "rows.sqlite"
    path.with_name("rows.sqlite-wal").write_bytes(b"rubbish" * 4000)
    path.with_name("rows.sqlite-shm").write_bytes(b"rubbish" * 4000)
    cache = RowCache(path)
    cache.put(ROWS)
    assert cache.get(ROWS) == ROWS


def test_a_row_that_is_not_what_was_put_is_unknown_and_may_be_put_again(tmp_path):
    path = tmp_path / "rows.sqlite"
    cache = RowCache(path)
    cache.put(ROWS)
    with sqlite3.connect(path) as raw:
        raw.execute(
            "UPDATE rows SET value = (SELECT value FROM rows WHERE key = 'key 1') WHERE key = 'key 2'"
        )
        raw.execute("UPDATE rows SET value = x'00' WHERE key = 'key 3'")
    raw.close()
    assert ROWS.keys() - cache.get(ROWS).keys() == {"key 2", "key 3"}
    cache.put({"key 2": ROWS["key 2"]})
    assert cache.get(["key 2"]) == {"key 2": ROWS["key 2"]}


def test_a_folder_that_cannot_hold_the_row_cache_is_named(tmp_path):
    (tmp_path / "rows").write_text("a file where the folder should be")
    with refused("disk.unusable", match=str(tmp_path / "rows")):
        RowCache(tmp_path / "rows" / "embed.sqlite")
