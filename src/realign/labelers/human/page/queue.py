"""Which pair a person is shown next: pure rules over what the store knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from realign.config.params import People
from realign.store import ids

REPEAT_AFTER = 10
"""Answers between a pair and its planted repeat, so that people do not answer from memory."""

Turn = Literal["new", "gold", "repeat"]


@dataclass(frozen=True)
class Candidate:
    """A pair that this person has not seen.

    Attributes:
        pair_id: the pair.
        taken: its votes, plus the people looking at it now.
    """

    pair_id: str
    taken: int


@dataclass(frozen=True)
class Pick:
    """The pair to show, and its occasion (1: a planted repeat, sides swapped)."""

    pair_id: str
    occasion: int


def pick(
    candidates: Iterable[Candidate],
    gold: Iterable[str],
    answered: Iterable[str],
    repeated: Iterable[str],
    person: str,
    position: int,
    people: People,
) -> Pick | None:
    """The next pair for a person; None when no pair needs a vote of theirs.

    Hidden checks and repeats are only mixed in while real work is left. All iterables are read lazily,
    as a large batch is rarely needed whole.

    Args:
        candidates: pairs without a known answer that the person has not seen, the most valuable first.
        gold: pairs with a known answer that the person has not seen, in the same order.
        answered: pairs without a known answer that the person voted on, in the order of the votes.
        repeated: pairs that the person was shown a second time.
        person: their name.
        position: number of pairs shown to them before this one.
        people: the settings.
    """
    wanted = next((pair.pair_id for pair in candidates if pair.taken < people.min_votes), None)
    if wanted is None:
        return None
    kind = turn(person, position, people)
    if kind == "gold" and (hidden := next(iter(gold), None)) is not None:
        return Pick(hidden, 0)
    if kind == "repeat" and (again := repeat(list(answered), set(repeated), person)) is not None:
        return Pick(again, 1)
    return Pick(wanted, 0)


def turn(person: str, position: int, people: People) -> Turn:
    """The kind of a person's n-th pair: by a hash, so that there is no pattern to spot."""
    point = ids.uniform("turn", person, str(position))
    if point < people.gold_share:
        return "gold"
    return "repeat" if point < people.gold_share + people.repeat_share else "new"


def repeat(answered: Sequence[str], repeated: set[str], person: str) -> str | None:
    """A pair to show again: one answered long enough ago and only once, chosen by a hash."""
    old = [pair for pair in answered[:-REPEAT_AFTER] if pair not in repeated]
    return min(old, key=lambda pair: (ids.uniform("repeat", person, pair), pair), default=None)


def to_go(waiting: int, people: People) -> int:
    """About how many pairs a person will still see, checks and repeats included.

    With hidden checks it is rounded up to fives: an exact count would not move after a check, and so
    give it away.
    """
    planted = people.gold_share + people.repeat_share
    if not planted:
        return waiting
    return 5 * -int(-waiting / max(0.05, 1 - planted) // 5)
