"""What passes between the application and the store: people, pairs shown to them, progress."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["annotator", "lead"]
Choice = Literal["left", "right", "tie", "both_bad"]


class NotAssigned(Exception):
    """The person was never given this pair."""


class AlreadyAnswered(Exception):
    """This showing has been answered: the form was sent twice, or is an old one."""


@dataclass(frozen=True)
class Showing:
    """One showing of a pair to a person; every answer names its showing.

    Attributes:
        pair_id: the pair.
        occasion: 0; 1 for a planted repeat, with the sides swapped.
        round: grows with every undo.
    """

    pair_id: str
    occasion: int
    round: int


@dataclass(frozen=True)
class Assignment:
    """A pair in front of a person.

    Attributes:
        showing: to be named by the answer.
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
    """A person's progress in this batch.

    Attributes:
        answered: current answers.
        to_go: approximate number of pairs still to come.
        skipped: pairs they skipped.
        seconds: time a pair, median of the last 50 answers; None before the first.
    """

    answered: int
    to_go: int
    skipped: int
    seconds: float | None
