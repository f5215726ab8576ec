"""What a raw row is once it is understood, and what it can be refused for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from realign.store.ids import Message


@dataclass(frozen=True)
class RawResponse:
    """One response of a raw row, as it came.

    Attributes:
        text: the response.
        generator: who wrote it, where the data says.
        scores: by annotator; higher is better.
    """

    text: str
    generator: str | None = None
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRow:
    """A conversation and its responses.

    Attributes:
        messages: the conversation, ending with a user turn.
        responses: in the data's order; may be empty for data of prompts only.
        rule: JSON of the builtin task's quality rule.
    """

    messages: list[Message]
    responses: list[RawResponse]
    rule: str | None = None


class BadRow(Exception):
    """A raw row that cannot be used.

    Args:
        reason: a short code for the quarantine table.
        detail: what was found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def text_of(row: dict[str, object], key: str) -> str:
    """The string under `key`.

    Raises:
        BadRow: it is absent or no string.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise BadRow("wrong_type", f"{key!r} must be text, it is {_kind(value)}")
    return value


def number_of(value: object, key: str) -> float:
    """A finite number.

    Raises:
        BadRow: it is none.
    """
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadRow("wrong_type", f"{key!r} must be a finite number, it is {_kind(value)}")
    return number


def name_of(value: object, key: str) -> str:
    """A name that can be stored.

    Raises:
        BadRow: it holds what is no Unicode character.
    """
    name = str(value)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRow("not_unicode", f"{key!r} holds half a surrogate pair") from None
    return name


def as_object(row: object) -> dict[str, object]:
    """A JSON object.

    Raises:
        BadRow: it is something else.
    """
    if not isinstance(row, dict):
        raise BadRow("wrong_type", f"a row must be a JSON object, this is {_kind(row)}")
    return row


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true/false",
        type(None): "missing or null",
    }
    return names.get(type(value), f"the number {value!r:.30}")
