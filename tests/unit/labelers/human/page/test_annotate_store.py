"""The store: who is asked what, and what of it is kept."""

import random
import sqlite3
import threading

import pytest
from annotate_builders import batch, settings, store
from unit_builders import refused

from realign.errors import UserError
from realign.labelers.human import votes as vote_rows
from realign.labelers.human.page.assignment import AlreadyAnswered, NotAssigned, Showing
from realign.labelers.human.page.store import LEASE, Store
from realign.store import artifacts, ids
from realign.store.ledger_rows import unsound
from realign.store.schemas import LEDGER

ONE = settings()


def vote(desk, name, choice="left", people=ONE, **said):
    found = desk.next(name, people)
    desk.vote(name, found.showing, choice, **said)
    return found.showing.pair_id


def all_of(desk, name, people=ONE, choice="left"):
    seen = []
    while (found := desk.next(name, people)) is not None:
        seen.append(found.showing)
        desk.vote(name, found.showing, choice)
    return seen


def test_a_vote_becomes_a_verdict_that_the_ledger_takes(tmp_path):
    desk, clock = store(tmp_path, batch(3))
    found = desk.next("anna", ONE)
    clock.seconds += 12.34
    desk.vote("anna", found.showing, "right", 3, "b is kinder")
    frame = desk.votes()
    row = frame.iloc[0]
    assert row[["pair_id", "prompt_id", "kind", "labeler", "annotator", "winner", "rationale"]].tolist() == [
        "p000", "q0", "human", "human", "anna", "b", "b is kinder",
    ]  # fmt: skip
    assert (row["p_a"], row["confidence"], row["occasion"], row["seconds"], row["calls"]) == (
        0.0,
        3,
        0,
        12.3,
        0,
    )
    assert row["given_at"] == "2030-03-17T17:46:52.340+00:00"
    assert row["fingerprint"] == ids.digest("human", vote_rows.INSTRUCTIONS)
    assert unsound(frame) == []
    artifacts.write_table(tmp_path / "batch.parquet", frame, LEDGER)
    assert len(artifacts.read_table(tmp_path / "batch.parquet", LEDGER)) == 1


@pytest.mark.parametrize(
    ("choice", "winner", "p_a"),
    [("left", "a", 1), ("right", "b", 0), ("tie", "tie", 0.5), ("both_bad", "both_bad", 0.5)],
)
def test_each_choice_means_one_answer(tmp_path, choice, winner, p_a):
    desk, _ = store(tmp_path, batch(1))
    vote(desk, "anna", choice)
    assert desk.votes()[["winner", "p_a"]].values.tolist() == [[winner, p_a]]


def test_no_votes_are_an_empty_proper_table(tmp_path):
    desk, _ = store(tmp_path, batch(1))
    artifacts.write_table(tmp_path / "none.parquet", desk.votes(), LEDGER)
    assert artifacts.read_table(tmp_path / "none.parquet", LEDGER).empty


def test_the_most_valuable_pair_comes_first_and_ties_go_by_id(tmp_path):
    desk, _ = store(tmp_path, batch(4, value=lambda number: {3: 5.0}.get(number, 1.0)))
    assert [s.pair_id for s in all_of(desk, "anna")] == ["p003", "p000", "p001", "p002"]


def test_asking_again_shows_the_same_pair_and_writes_nothing(tmp_path):
    desk, clock = store(tmp_path, batch(3))
    first = desk.next("anna", ONE)
    clock.seconds += 60
    assert desk.next("anna", ONE) == first
    desk.vote("anna", first.showing, "left")
    assert desk.votes()["seconds"].tolist() == [60.0]


def test_what_one_looks_at_nobody_else_gets_until_the_lease_ends(tmp_path):
    desk, clock = store(tmp_path, batch(2))
    anna, ben = desk.next("anna", ONE), desk.next("ben", ONE)
    assert (anna.showing.pair_id, ben.showing.pair_id) == ("p000", "p001")
    assert desk.next("chen", ONE) is None
    clock.seconds += LEASE + 1
    assert desk.next("chen", ONE).showing.pair_id == "p000"
    clock.seconds += 5
    desk.vote("anna", anna.showing, "left")  # who comes back late is still heard
    assert desk.votes()["seconds"].tolist() == [LEASE]  # but counts as away, not as slow


def test_coming_back_after_the_lease_starts_the_clock_anew(tmp_path):
    desk, clock = store(tmp_path, batch(1))
    desk.next("anna", ONE)
    clock.seconds += 10 * LEASE
    found = desk.next("anna", ONE)
    clock.seconds += 7
    desk.vote("anna", found.showing, "left")
    assert desk.votes()["seconds"].tolist() == [7.0]


def test_reading_for_long_keeps_the_lease(tmp_path):
    desk, clock = store(tmp_path, batch(1))
    for _ in range(5):
        desk.next("anna", ONE)
        clock.seconds += 0.6 * LEASE
    assert desk.next("ben", ONE) is None


def test_several_votes_a_pair_come_from_several_people(tmp_path):
    two = settings(min_votes=2)
    desk, _ = store(tmp_path, batch(5))
    assert len(all_of(desk, "anna", two)) == 5
    assert desk.missing(two) == 5
    assert len(all_of(desk, "ben", two)) == 5
    assert desk.missing(two) == 0
    assert desk.next("chen", two) is None


def test_an_answer_twice_is_refused_and_not_written(tmp_path):
    desk, _ = store(tmp_path, batch(2))
    found = desk.next("anna", ONE)
    desk.vote("anna", found.showing, "left")
    with pytest.raises(AlreadyAnswered):
        desk.vote("anna", found.showing, "right")
    with pytest.raises(AlreadyAnswered):
        desk.skip("anna", found.showing)
    assert desk.votes()["winner"].tolist() == ["a"]
    assert desk.version() == 1


def test_an_answer_to_what_was_not_asked_is_refused_and_not_written(tmp_path):
    desk, _ = store(tmp_path, batch(2))
    found = desk.next("anna", ONE)
    for name, showing in [
        ("ben", found.showing),
        ("anna", Showing("p001", 0, 0)),
        ("anna", Showing("nothing", 0, 0)),
        ("anna", Showing("p000", 1, 0)),
    ]:
        with pytest.raises(NotAssigned):
            desk.vote(name, showing, "left")
    with pytest.raises(AlreadyAnswered):
        desk.vote("anna", Showing("p000", 0, 1), "left")
    assert desk.version() == 0


def test_undo_takes_back_step_by_step_and_an_old_form_is_void(tmp_path):
    desk, _ = store(tmp_path, batch(3))
    first, second = vote(desk, "anna"), vote(desk, "anna", "right")
    waiting = desk.next("anna", ONE)
    assert desk.last("anna") == "right"
    assert desk.undo("anna")
    again = desk.next("anna", ONE)
    assert again.showing == Showing(second, 0, 1)
    with pytest.raises(AlreadyAnswered):
        desk.vote("anna", Showing(second, 0, 0), "left")
    assert desk.undo("anna")
    assert desk.next("anna", ONE).showing == Showing(first, 0, 1)
    assert not desk.undo("anna")
    assert desk.votes().empty
    assert [vote(desk, "anna", "tie") for _ in range(3)] == [first, second, waiting.showing.pair_id]
    assert desk.votes()["winner"].tolist() == ["tie"] * 3
    assert desk.tally().set_index("annotator")["undone"].to_dict() == {}  # nobody was invited here
    with sqlite3.connect(tmp_path / "votes.sqlite") as db:
        kinds = [kind for (kind,) in db.execute("SELECT kind FROM events ORDER BY event")]
    assert kinds == ["vote", "vote", "undo", "undo", "vote", "vote", "vote"], "the log is not kept whole"


def test_undo_is_one_s_own(tmp_path):
    desk, _ = store(tmp_path, batch(3))
    vote(desk, "anna")
    assert not desk.undo("ben")
    assert len(desk.votes()) == 1


def test_a_skipped_pair_goes_to_others_and_back_on_request(tmp_path):
    desk, _ = store(tmp_path, batch(2))
    found = desk.next("anna", ONE)
    desk.skip("anna", found.showing)
    assert desk.last("anna") == "skip"
    assert vote(desk, "anna") == "p001"
    assert desk.next("anna", ONE) is None
    assert desk.missing(ONE) == 1
    assert desk.progress("anna", ONE).skipped == 1
    assert desk.unskip("anna") == 1
    assert vote(desk, "anna") == "p000"
    assert desk.missing(ONE) == 0
    assert desk.unskip("anna") == 0


def test_a_skipped_pair_is_somebody_else_s(tmp_path):
    desk, _ = store(tmp_path, batch(1))
    desk.skip("anna", desk.next("anna", ONE).showing)
    assert vote(desk, "ben") == "p000"


def test_publishing_again_changes_nothing_and_what_left_is_asked_no_more(tmp_path):
    desk, _ = store(tmp_path, batch(4))
    vote(desk, "anna")
    desk.publish(batch(4))
    assert desk.completion(ONE) == (4, 1)
    opened = desk.next("anna", ONE)
    desk.publish(batch(4).iloc[[2, 3]])
    assert desk.completion(ONE) == (2, 0)
    assert opened.showing.pair_id == "p001"
    assert [s.pair_id for s in all_of(desk, "anna")] == ["p002", "p003"]
    assert set(desk.votes()["pair_id"]) == {"p000", "p002", "p003"}
    desk.publish(batch(4))
    assert desk.completion(ONE) == (4, 3), "the vote on a pair that came back is lost"


def test_hidden_checks_are_mixed_in_and_never_counted_as_work(tmp_path):
    people = settings(gold_share=0.3)
    desk, _ = store(tmp_path, batch(100, known=30))
    assert desk.completion(people) == (70, 0)
    seen = [s.pair_id for s in all_of(desk, "anna", people)]
    hidden = [pair for pair in seen if pair >= "p070"]
    assert len(seen) - len(hidden) == 70
    assert 15 <= len(hidden) <= 30
    assert seen.index(hidden[0]) < 20, "checks come in a lump at the end"
    assert desk.missing(people) == 0
    assert set(desk.known().unique()) == {"a"}
    assert desk.progress("anna", people).to_go == 0


def test_repeats_are_swapped_and_their_answers_swapped_back(tmp_path):
    people = settings(repeat_share=0.3)
    desk, _ = store(tmp_path, batch(60))
    seen = {}
    while (found := desk.next("anna", people)) is not None:
        sides = (found.left.split()[0], found.right.split()[0])
        assert sides == (("second", "first") if found.showing.occasion else ("first", "second"))
        seen[found.showing.pair_id, found.showing.occasion] = found
        desk.vote("anna", found.showing, "right" if found.showing.occasion else "left")
        assert desk.last("anna") == ("right" if found.showing.occasion else "left")
    votes = desk.votes()
    assert (votes["winner"] == "a").all()
    repeats = votes[votes["occasion"] == 1]
    assert 8 <= len(repeats) <= 30
    assert repeats["pair_id"].is_unique
    assert (votes["occasion"] == 0).sum() == 60
    assert votes["label_id"].is_unique


def test_missing_stops_counting_at_the_share_that_is_enough(tmp_path):
    desk, _ = store(tmp_path, batch(4))
    for _ in range(3):
        vote(desk, "anna")
    assert desk.missing(settings(min_share=0.75)) == 0
    assert desk.missing(settings(min_share=0.76)) == 1
    assert desk.missing(settings(min_votes=3)) == 9


def test_progress_and_pace(tmp_path):
    desk, clock = store(tmp_path, batch(6))
    assert desk.progress("anna", ONE).seconds is None
    for seconds in (5, 10, 1000):
        found = desk.next("anna", ONE)
        clock.seconds += seconds
        desk.vote("anna", found.showing, "left")
    found = desk.progress("anna", ONE)
    assert (found.answered, found.to_go, found.seconds) == (3, 3, 10)
    desk.next("ben", ONE)
    assert desk.progress("anna", ONE).to_go == 2


def test_many_threads_get_every_vote_once(tmp_path):
    three = settings(min_votes=3)
    desk, _ = store(tmp_path, batch(40))
    names = [f"n{number}" for number in range(6)]
    threads = [threading.Thread(target=all_of, args=(desk, name, three)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    votes = desk.votes()
    assert len(votes) == 120
    assert votes.groupby("pair_id")["annotator"].nunique().eq(3).all()


def test_who_is_not_invited_any_more_cannot_come_in_and_keeps_their_votes(tmp_path):
    desk, _ = store(tmp_path, batch(2))
    desk.invite("anna", "annotator", "t" * 43)
    assert desk.by_token("t" * 43).name == "anna"
    assert desk.by_token("wrong") is None
    vote(desk, "anna")
    desk.revoke_all()
    assert desk.by_token("t" * 43) is None
    assert desk.by_name("anna") is None
    assert len(desk.votes()) == 1
    desk.invite("anna", "lead", "u" * 43)
    assert desk.by_token("t" * 43) is None
    assert desk.by_token("u" * 43).role == "lead"
    assert b"u" * 43 not in (tmp_path / "votes.sqlite").read_bytes(), "the token itself is in the file"


def test_a_flipped_byte_is_never_a_vote_and_the_page_s_file_is_never_started_empty(tmp_path):
    desk, _ = store(tmp_path, batch(20))
    all_of(desk, "anna")
    sound = desk.votes()
    desk.close()
    path = tmp_path / "votes.sqlite"
    whole = path.read_bytes()
    places = random.Random(2)
    for at in (0, *(places.randrange(len(whole)) for _ in range(60))):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        for left in tmp_path.glob("votes.sqlite-*"):
            left.unlink()
        try:
            again = Store(path)
        except UserError as error:
            assert error.code in ("database.damaged", "database.unusable")
            continue
        answers = ["label_id", "annotator", "winner", "given_at"]
        assert again.votes()[answers].equals(sound[answers]), f"byte {at}"
        again.close()
    path.write_bytes(b"")
    with refused("database.damaged", match="not started empty"):
        Store(path)
