"""The ledger: a label is kept once, by what it depends on; batches merge whatever their order."""

import subprocess
import sys
import textwrap

import pytest
from unit_builders import label_row, label_rows, refused, vote

from realign.store import artifacts, schemas
from realign.store import ledger_batches as batches
from realign.store.ledger import Answer, Ledger
from realign.store.ledger_rows import label_id, unsound

LATER = "2020-01-02T00:00:00.000000+00:00"


def answer(pair, shown="ab", text="first", **parts):
    given = {"calls": 1, "tokens_in": 50, "tokens_out": 5, "seconds": 0.2, "given_at": LATER}
    return Answer(pair, "f" * 20, shown, text, "a", 0.9, "", **(given | parts))


@pytest.fixture
def ledger(tmp_path):
    with_file = Ledger(tmp_path / "ledger.sqlite")
    yield with_file
    with_file.close()


def test_the_key_depends_on_every_part():
    keys = {
        label_id("p", "f"), label_id("q", "f"), label_id("p", "g"),
        label_id("p", "f", "ann"), label_id("p", "f", "ann", 1),
    }  # fmt: skip
    assert len(keys) == 5
    assert label_id("p", "f") == label_id("p", "f", "", 0)


def test_labels_come_back_as_they_were(ledger):
    rows = label_rows(
        label_row("p1"), label_row("p2", "tie", consistent=False), vote("p3", "ann", "both_bad")
    )
    assert ledger.put(rows) == 3
    back = ledger.everything()
    expected = rows.sort_values("label_id").reset_index(drop=True)
    for column in schemas.LEDGER.names:
        same = (back[column] == expected[column]) | (back[column].isna() & expected[column].isna())
        assert same.fillna(False).all(), column
    assert list(ledger.labels("f" * 20, ["p2", "p9"])["pair_id"]) == ["p2"]
    assert ledger.labels("other", ["p1"]).empty


def test_a_label_is_kept_once_and_the_first_given_holds(ledger):
    late = label_rows(label_row("p", "b", given_at=LATER))
    early = label_rows(label_row("p", "a"))
    assert ledger.put(late) == 1
    assert ledger.put(early) == 0
    assert ledger.everything()["winner"].tolist() == ["a"]
    ledger.put(late)
    assert ledger.everything()["winner"].tolist() == ["a"]


def test_an_answer_keeps_its_first_text_and_every_call_is_on_the_books(ledger):
    ledger.put_answers([answer("p")])
    ledger.put_answers([answer("p", text="second")])
    ledger.put_answers([answer("p", "ba")])
    found = ledger.answers("f" * 20, ["p", "q"])
    assert set(found) == {("p", "ab"), ("p", "ba")}
    assert found["p", "ab"] == answer("p", calls=2, tokens_in=100, tokens_out=10, seconds=0.4)
    assert [call.text for call in ledger.calls("p")] == ["first", "second", "first"]
    assert ledger.answers("other", ["p"]) == {}


def test_many_pairs_are_found_in_chunks(ledger):
    ledger.put(label_rows(*(label_row(f"p{n}") for n in range(1203))))
    assert len(ledger.labels("f" * 20, [f"p{n}" for n in range(2000)])) == 1203


def test_what_put_answers_stored_outlives_sigkill(tmp_path):
    code = f"""
        import os, signal
        from pathlib import Path
        from realign.store.ledger import Answer, Ledger
        ledger = Ledger(Path({str(tmp_path / "l.sqlite")!r}))
        ledger.put_answers([Answer("p", "f", "ab", "said", "a", 0.9, "", 1, 2, 3, 0.1, "now")])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    ledger = Ledger(tmp_path / "l.sqlite")
    assert ledger.answers("f", ["p"])["p", "ab"].text == "said"
    ledger.close()


def test_a_batch_holds_what_is_new_and_is_named_after_its_content(tmp_path):
    first = batches.write(label_rows(label_row("p1"), label_row("p2")), tmp_path)
    assert first is not None
    assert batches.write(label_rows(label_row("p2"), label_row("p1")), tmp_path) is None
    second = batches.write(label_rows(label_row("p1"), label_row("p3")), tmp_path)
    assert second is not None and second != first
    assert sorted(batches.read(tmp_path)["pair_id"]) == ["p1", "p2", "p3"]
    other = tmp_path / "other"
    again = batches.write(label_rows(label_row("p2"), label_row("p1")), other)
    assert again is not None and again.name == first.name
    assert again.read_bytes() == first.read_bytes()


def test_teammates_merge_to_the_same_ledger_in_any_order(tmp_path):
    mine, yours = (
        label_rows(label_row("p", "a"), label_row("q")),
        label_rows(label_row("p", "b", given_at=LATER)),
    )
    found = []
    for order in ((mine, yours), (yours, mine)):
        home = tmp_path / str(len(found))
        for rows in order:
            batches.write(rows, home / "batches")
        ledger = Ledger(home / "l.sqlite")
        batches.merge(ledger, home / "batches")
        assert batches.merge(ledger, home / "batches") == 0
        found.append(ledger.everything())
        ledger.close()
    assert found[0].equals(found[1])
    assert found[0].set_index("pair_id").loc["p", "winner"] == "a"


def test_a_person_may_think_again(tmp_path):
    batches.write(label_rows(vote("p", "ann", "a")), tmp_path)
    assert batches.write(label_rows(vote("p", "ann", "b", given_at=LATER)), tmp_path) is not None
    assert batches.read(tmp_path)["winner"].tolist() == ["b"]


def test_verify_names_every_fault(tmp_path):
    path = batches.write(label_rows(label_row("p1"), label_row("p2")), tmp_path)
    assert batches.verify(tmp_path) == []
    path.rename(tmp_path / "renamed.parquet")
    wrong = label_rows(
        label_row("p3", "b", p_a=0.8), label_row("p4", "maybe"), label_row("p5") | {"label_id": "x"}
    )
    artifacts.write_table(tmp_path / "wrong.parquet", wrong, schemas.LEDGER)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    problems = "\n".join(batches.verify(tmp_path))
    for words in (
        "renamed.parquet",
        "does not fit p_a 0.8",
        "'maybe' is none of",
        "label x: the key",
        "broken",
    ):
        assert words in problems
    with refused("ledger.unreadable_batch", match=r"broken\.parquet"):
        batches.read(tmp_path)


def test_stats_count_by_labeler():
    rows = label_rows(label_row("p1"), label_row("p2", "tie"), label_row("p3", "abstain"), vote("p1", "ann"))
    found = batches.stats(rows).set_index(["labeler", "annotator"])
    judge = found.loc[("a judge", "")]
    assert (judge["labels"], judge["tied"], judge["abstained"], judge["calls"]) == (3, 1, 1, 6)
    assert judge["price"] == pytest.approx(0.75)
    assert found.loc[("human", "ann"), "labels"] == 1


def test_an_empty_folder_has_no_labels(tmp_path):
    assert batches.read(tmp_path).empty
    assert batches.verify(tmp_path) == []
    assert batches.write(batches.empty(), tmp_path) is None


def test_an_empty_ledger_is_sound(ledger):
    assert unsound(ledger.everything()) == []
    assert unsound(batches.empty()) == []


SOUND = label_row("p", "a")
BAD = {
    "an impossible winner": {"winner": "maybe"},
    "a winner against its probability": {"winner": "b", "p_a": 0.9},
    "a probability beyond 1": {"p_a": 1.5},
    "a time that no judge lived in": {"given_at": "1970-01-01T00:00:00+00:00"},
    "the year 1": {"given_at": "0001-01-01T00:00:00+00:00"},
    "no time": {"given_at": "yesterday"},
    "an empty time": {"given_at": ""},
    "a time without its zone": {"given_at": "2024-01-01T00:00:00"},
    "a time elsewhere": {"given_at": "2024-01-01T00:00:00+05:00"},
    "another's key": {"label_id": "0" * 20},
    "a price below zero": {"price": -1.0},
}


@pytest.mark.parametrize("fault", BAD)
def test_nothing_that_cannot_be_right_replaces_a_sound_label(fault, tmp_path, ledger):
    """In every place that merges: the ledger, a folder's batches, and a batch that is written."""
    ledger.put(label_rows(SOUND))
    early = label_row("p", "b", given_at="2020-01-01T00:00:00+00:00")
    bad = label_rows(early | BAD[fault])
    with refused("ledger.unsound"):
        ledger.put(bad)
    with refused("ledger.unsound"):
        batches.write(bad, tmp_path / "batches")
    batches.write(label_rows(SOUND), tmp_path / "batches")
    artifacts.write_table(tmp_path / "batches" / "evil.parquet", bad, schemas.LEDGER)
    with refused("ledger.unreadable_batch", match=r"evil\.parquet"):
        batches.merge(ledger, tmp_path / "batches")
    assert ledger.everything()["winner"].tolist() == ["a"]


@pytest.mark.parametrize("who", [label_row, lambda pair, winner: vote(pair, "ann", winner)])
def test_equal_times_are_decided_by_content_and_not_by_the_order_of_merging(who, tmp_path):
    one, other = label_rows(who("p", "a")), label_rows(who("p", "b"))
    found = []
    for number, order in enumerate(((one, other), (other, one))):
        with_both = Ledger(tmp_path / f"{number}.sqlite")
        for rows in order:
            with_both.put(rows)
        found.append(with_both.everything()["winner"].tolist())
        with_both.close()
        for place, rows in enumerate(order):
            folder = tmp_path / f"batches{number}"
            artifacts.write_table(folder / f"z{place}.parquet", rows, schemas.LEDGER)
        found.append(batches.read(folder)["winner"].tolist())
    assert found == [found[0]] * 4


def test_a_person_s_later_vote_holds_whatever_the_clock_says(tmp_path):
    ahead = vote("p", "ann", "a", given_at="2099-01-01T00:00:00.000000+00:00")
    for winner, given_at in (("b", SOUND["given_at"]), ("tie", LATER)):
        batches.write(label_rows(ahead), tmp_path / winner)
        batches.write(label_rows(vote("p", "ann", winner, given_at=given_at)), tmp_path / winner)
        held = batches.read(tmp_path / winner)
        assert held["winner"].tolist() == [winner] and held["revision"].tolist() == [2]
        assert batches.write(held, tmp_path / winner) is None, "it is known"
    batches.write(label_rows(vote("p", "ann", "abstain")), tmp_path / "b")
    batches.write(label_rows(vote("p", "ann", "b")), tmp_path / "b")
    held = batches.read(tmp_path / "b")
    assert (held["winner"].item(), held["revision"].item()) == ("b", 4)
