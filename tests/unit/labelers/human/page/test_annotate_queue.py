"""Which pair comes next."""

import pytest
from annotate_builders import settings

from realign.labelers.human.page.queue import REPEAT_AFTER, Candidate, Pick, pick, repeat, to_go, turn


def choose(candidates, people=None, gold=(), answered=(), repeated=frozenset(), position=0):
    rows = [Candidate(name, taken) for name, taken in candidates]
    return pick(rows, gold, answered, repeated, "anna", position, people or settings())


def position_of(kind, people):
    return next(n for n in range(1000) if turn("anna", n, people) == kind)


def test_the_first_pair_that_lacks_votes_is_asked():
    assert choose([("x", 2), ("y", 1), ("z", 0)], settings(min_votes=2)) == Pick("y", 0)


def test_nothing_is_asked_beyond_the_votes_wanted():
    assert choose([("x", 1), ("y", 3)]) is None
    assert choose([]) is None


@pytest.mark.parametrize(("share", "kind"), [("gold_share", "gold"), ("repeat_share", "repeat")])
def test_shares_are_kept_and_cannot_be_told_from_a_pattern(share, kind):
    people = settings(**{share: 0.2})
    kinds = {name: [turn(name, n, people) for n in range(5000)] for name in ("anna", "ben")}
    assert kinds["anna"] != kinds["ben"]
    for turns in kinds.values():
        assert turns.count(kind) / 5000 == pytest.approx(0.2, abs=0.02)
        assert turns.count("new") + turns.count(kind) == 5000


def test_hidden_checks_come_only_while_work_is_left():
    people = settings(gold_share=0.5)
    position = position_of("gold", people)
    assert choose([("x", 0)], people, gold=["g", "h"], position=position) == Pick("g", 0)
    assert choose([("x", 0)], people, gold=[], position=position) == Pick("x", 0)
    assert choose([("x", 1)], people, gold=["g"], position=position) is None


def test_a_repeat_is_old_enough_and_comes_once():
    people = settings(repeat_share=0.5)
    position = position_of("repeat", people)
    answered = [f"p{n}" for n in range(REPEAT_AFTER + 3)]
    found = choose([("x", 0)], people, answered=answered, position=position)
    assert found.occasion == 1
    assert found.pair_id in answered[:3]
    assert choose([("x", 0)], people, answered=answered, repeated=answered[:3], position=position) == Pick(
        "x", 0
    )
    assert repeat(answered[:REPEAT_AFTER], set(), "anna") is None


def test_what_is_left_is_exact_only_where_no_check_could_be_given_away():
    assert to_go(37, settings()) == 37
    assert to_go(37, settings(gold_share=0.1)) == 45  # 37 / 0.9 = 41.1, up to fives
    assert to_go(0, settings(gold_share=0.1)) == 0
    assert to_go(1, settings(gold_share=0.9, repeat_share=0.9)) == 20
