"""The pilot: nested, sound, and from the second round on picked with what the rounds before taught."""

import dataclasses

import numpy as np
import pytest
from test_selection_pairs import tables
from unit_builders import section

from realign.data.text_features import TEXT_FEATURES
from realign.selection import registry
from realign.selection.candidates import candidates
from realign.selection.labeled_pairs import LabeledPairs
from realign.selection.pilot import pilot

KNOWN = registry()


def pool_of():
    responses, embeddings = tables([5] * 60, width=6, seed=3)
    return candidates(responses, embeddings, 7, section("select"))


class Teacher:
    """Knows that quality is the first coordinate, and remembers what it was asked."""

    def __init__(self, pool):
        self.pool, self.rounds = pool, []

    def __call__(self, pairs):
        self.rounds.append(pairs)
        pool = self.pool
        a, b = pool.vectors[pool.first[pairs]], pool.vectors[pool.second[pairs]]
        prompts = pool.prompt_ids[pool.prompt[pairs]]
        plain = np.zeros((len(pairs), len(TEXT_FEATURES)))
        target = np.sign(a[:, 0] - b[:, 0])
        return LabeledPairs(a, b, plain, plain, target, prompts, pool.log_length_ratio[pairs])


def every(pool):
    return np.ones(len(pool.prompt), dtype=bool)


def test_by_chance_it_is_what_random_picks_and_nobody_is_asked_meanwhile():
    pool, how = pool_of(), section("pilot")
    teacher = Teacher(pool)
    found = pilot(pool, KNOWN, 25, every(pool), how, teacher)
    order = KNOWN["random"](pool)
    assert len(found) == len(set(pool.prompt[found])) == 25 and not teacher.rounds
    for pair in found:
        mine = np.flatnonzero(pool.prompt == pool.prompt[pair])
        assert pair == mine[np.argmin(order[mine])]


def test_later_rounds_are_picked_with_what_those_before_taught():
    pool, how = pool_of(), section("pilot", by="margin", round=20)
    teacher = Teacher(pool)
    found = pilot(pool, KNOWN, 50, every(pool), how, teacher)
    assert [len(pairs) for pairs in teacher.rounds] == [20, 40]
    assert list(found[:20]) == list(pilot(pool, KNOWN, 20, every(pool), section("pilot"), teacher))
    for start, end in ((20, 40), (40, 50)):
        labeled_pairs = teacher(found[:start])
        order = KNOWN["margin"](dataclasses.replace(pool, labeled_pairs=labeled_pairs))
        for pair in found[start:end]:
            mine = np.flatnonzero(pool.prompt == pool.prompt[pair])
            assert order[pair] == order[mine].min()
    gap = np.abs(pool.vectors[pool.first, 0] - pool.vectors[pool.second, 0])
    assert gap[found[20:]].mean() > 1.5 * gap[found[:20]].mean(), "what was taught was not used"


@pytest.mark.parametrize("by", ["random", "margin"])
def test_a_smaller_pilot_is_the_beginning_of_a_larger_one(by):
    pool, how = pool_of(), section("pilot", by=by, round=15)
    large = pilot(pool, KNOWN, 55, every(pool), how, Teacher(pool))
    for size in (1, 15, 16, 40):
        assert list(pilot(pool, KNOWN, size, every(pool), how, Teacher(pool))) == list(large[:size])
    assert list(pilot(pool.reseeded(8), KNOWN, 55, every(pool), how, Teacher(pool))) != list(large)


@pytest.mark.parametrize("by", ["random", "margin"])
def test_what_the_gate_would_set_aside_is_not_bought(by):
    pool, how = pool_of(), section("pilot", by=by, round=15)
    sound = (np.arange(len(pool.prompt)) % 3 > 0) & (pool.prompt != 4)
    found = pilot(pool, KNOWN, 1000, sound, how, Teacher(pool))
    assert sound[found].all()
    assert sorted(pool.prompt[found]) == [p for p in range(60) if p != 4], "a sound pair of each other prompt"


def test_labels_that_teach_nothing_leave_it_to_chance():
    pool, how = pool_of(), section("pilot", by="margin", round=15)
    assert list(pilot(pool, KNOWN, 40, every(pool), how, lambda pairs: None)) == list(
        pilot(pool, KNOWN, 40, every(pool), section("pilot"), lambda pairs: None)
    )
