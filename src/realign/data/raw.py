"""A raw row once it is understood, why a row is refused, and the parts that readers of rows are made of."""

import math
from dataclasses import dataclass, field

from realign.store.ids import Message

ROLES = ("system", "user", "assistant")


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
        rule: JSON of the rule by which any response to this prompt can be judged, where the data has one.
    """

    messages: list[Message]
    responses: list[RawResponse]
    rule: str | None = None


class BadRow(Exception):
    """A raw row that cannot be used.

    Args:
        reason: a short code for the quarantine table.
        detail: what is wrong with it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def messages_of(prompt: object) -> list[Message]:
    """A conversation that ends with the user's turn, from text or from a list of {role, content}.

    Raises:
        BadRow: it is neither.
    """
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list) or not prompt:
        raise BadRow("wrong_type", "'prompt' must be text or a list of messages")
    messages = []
    for item in prompt:
        message = as_object(item)
        role = text_of(message, "role")
        if role not in ROLES:
            raise BadRow("wrong_role", f"role must be one of {', '.join(ROLES)}, it is {role!r}")
        messages.append({"role": role, "content": text_of(message, "content")})
    if messages[-1]["role"] != "user":
        raise BadRow("no_user_turn", "the last message must be the user's")
    return messages


def text_of(row: dict[str, object], key: str) -> str:
    """The string under `key`.

    Raises:
        BadRow: it is missing, or not a string.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise BadRow("wrong_type", f"{key!r} must be text, it is {_kind(value)}")
    return value


def number_of(value: object, key: str) -> float:
    """A finite number.

    Raises:
        BadRow: it is not one.
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
        BadRow: it is not valid Unicode.
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
