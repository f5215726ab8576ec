"""A damaged ledger is refused with the way to salvage it: it is never started empty, and no flipped byte is a label."""

import random
import sqlite3

import pytest
from unit_builders import label_row, label_rows, refused

from realign.errors import UserError
from realign.store import ledger_batches as batches
from realign.store.database import salvage
from realign.store.ledger import TABLES, Answer, Ledger


@pytest.fixture
def path(tmp_path):
    """A ledger of sixty labels and as many answers, on several pages."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(label_rows(*(label_row(f"p{n}", "ab"[n % 2], rationale="because " * 9) for n in range(60))))
    ledger.put_answers(
        [Answer(f"p{n}", "f" * 20, "ab", "text " * 30, "a", 0.9, "", 1, 2, 3, 0.1, "2024") for n in range(60)]
    )
    ledger.close()
    return tmp_path / "ledger.sqlite"


def content(path):
    """Everything that the ledger gives away."""
    ledger = Ledger(path)
    try:
        return ledger.everything(), ledger.answers("f" * 20, [f"p{n}" for n in range(60)])
    finally:
        ledger.close()


def test_a_flipped_byte_is_never_read_as_a_label(path, tmp_path):
    labels, answers = content(path)
    whole = path.read_bytes()
    places = random.Random(5)
    refusals = 0
    for _ in range(150):
        at = places.randrange(len(whole))
        broken = tmp_path / "broken.sqlite"
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << places.randrange(8))]) + whole[at + 1 :])
        try:
            found = content(broken)
        except UserError as error:
            refusals += 1
            assert error.code in ("database.damaged", "database.unusable")
            assert str(broken) in str(error)
        else:
            assert found[0].equals(labels) and found[1] == answers, f"byte {at} was read as data"
        for left in tmp_path.glob("broken.sqlite*"):
            left.unlink()
    assert refusals > 75


@pytest.mark.parametrize("size", [0, 1, 50, 100, 4096, 10_000, 0.5, 0.9])
def test_a_truncated_ledger_is_refused_and_left_as_it_is(path, size):
    whole = path.read_bytes()
    cut = whole[: int(size * len(whole)) if isinstance(size, float) else size]
    path.write_bytes(cut)
    with refused("database.damaged", match=r"(?s)not started empty.*realign ledger salvage"):
        Ledger(path)
    assert path.read_bytes() == cut


def test_rubbish_is_refused_and_left_as_it_is(path):
    path.write_bytes(b"rubbish" * 5000)
    with refused("database.damaged"):
        Ledger(path)
    assert path.read_bytes() == b"rubbish" * 5000


def test_a_ledger_that_was_removed_while_its_last_answers_lay_beside_it_is_not_started_empty(path):
    path.with_name("ledger.sqlite-wal").write_bytes(b"last answers")
    path.unlink()
    with refused("database.damaged", match="ledger.sqlite-wal"):
        Ledger(path)


def test_what_can_be_read_is_salvaged_and_the_batches_bring_the_rest_back(path, tmp_path):
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE labels SET winner = 'b', p_a = 0.1 WHERE pair_id = 'p0'")
    raw.close()
    with refused("database.damaged", match=r"1 row\(s\) of labels"):
        Ledger(path)
    assert salvage(path, TABLES) == 119
    assert path.with_name("ledger.sqlite.damaged").is_file()
    ledger = Ledger(path)
    assert len(ledger.everything()) == 59
    batches.write(label_rows(label_row("p0")), tmp_path / "batches")
    assert batches.merge(ledger, tmp_path / "batches") == 1
    ledger.close()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.7, 0.95])
def test_rows_on_both_sides_of_a_hole_are_salvaged(path, share):
    labels, _ = content(path)
    whole = path.read_bytes()
    at = int(share * len(whole)) // 4096 * 4096
    path.write_bytes(whole[:at] + b"\xff" * 4096 + whole[at + 4096 :])
    kept = salvage(path, TABLES)
    found, _ = content(path)
    assert (kept > 40) == (share > 0), kept  # nothing can be read without the first page
    assert found.equals(labels[labels["label_id"].isin(found["label_id"])].reset_index(drop=True))


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_rows_before_the_end_of_a_cut_file_are_salvaged(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert salvage(path, TABLES) > 10
    content(path)


def test_one_bad_batch_is_named_and_nothing_in_it_is_believed(tmp_path):
    labels = label_rows(*(label_row(f"p{n}", "ab"[n % 2]) for n in range(30)))
    path = batches.write(labels, tmp_path)
    batches.write(label_rows(label_row("q")), tmp_path)
    whole = path.read_bytes()
    places = random.Random(3)
    for at in [0, len(whole) - 1, *(places.randrange(len(whole)) for _ in range(60))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with refused("ledger.unreadable_batch", match=rf"{path.name}: its content is not what its name says"):
            batches.read(tmp_path)
    for size in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with refused("ledger.unreadable_batch", match=path.name):
            batches.read(tmp_path)
    path.write_bytes(whole)
    assert len(batches.read(tmp_path)) == 31
