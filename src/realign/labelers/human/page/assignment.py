"""What people and the store say to each other: a showing of a pair, an answer to it, how far one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["annotator", "lead"]
Choice = Literal["left", "right", "tie", "both_bad"]


class NotAssigned(Exception):
    """The person was never given this pair."""


class Answered(Exception):
    """This showing of the pair has its answer: the form was sent twice, or is an old one."""


@dataclass(frozen=True)
class Showing:
    """One showing of a pair to a person: what an answer is an answer to.

    Attributes:
        pair_id: the pair.
        occasion: 0; 1 where the person is asked again on purpose, with the sides swapped.
        round: grows with every undo.
    """

    pair_id: str
    occasion: int
    round: int


@dataclass(frozen=True)
class Assignment:
    """A pair in front of a person.

    Attributes:
        showing: what an answer has to name.
        messages: JSON of the conversation.
        left: text of the response on the left.
        right: text of the response on the right.
    """

    showing: Showing
    messages: str
    left: str
    right: str


@dataclass(frozen=True)
class Person:
    """Somebody with a link."""

    name: str
    role: Role


@dataclass(frozen=True)
class Progress:
    """How far a person is in this batch.

    Attributes:
        answered: answers that hold.
        to_go: about how many pairs they would still be shown.
        skipped: pairs that they passed on.
        seconds: what a pair takes them, median of the last 50 answers; None before the first.
    """

    answered: int
    to_go: int
    skipped: int
    seconds: float | None
