"""A raw row once it is understood, why a row is refused, and the parts that readers of rows are made of."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from realign.store.ids import Message

ROLES = ("system", "user", "assistant")
_ALIASES = {"developer": "system", "human": "user", "gpt": "assistant"}  # OpenAI's; ShareGPT's
_TOOL_ROLES = ("tool", "function", "function_call", "function_response", "observation")
_TEXT_PARTS = ("text", "input_text", "output_text")
_NOT_RATED = ("n/a", "na", "none", "")

REASONS: Mapping[str, str] = {
    "not_utf8": "the line is not UTF-8",
    "not_json": "the line is not JSON",
    "repeated_key": "an object names a key twice, so one of its values would be lost",
    "row_too_large": "the row is larger than 32 MB",
    "wrong_columns": "a CSV row has more or fewer cells than the header",
    "wrong_type": "a value is missing or of another type",
    "wrong_role": "a message's role is none of system, developer, user and assistant",
    "tool_calls": "the conversation calls tools, which have no text that could be compared",
    "not_text": "a message holds an image, audio or a file",
    "no_user_turn": "the conversation does not end with the user",
    "no_assistant_turn": "there is no answer",
    "ends_with_human": "a transcript does not end with an answer",
    "leading_text": "a transcript has text before its first speaker",
    "unclear_turn": "a line of a turn begins with the other speaker's name, but no blank line comes before it",
    "several_turns": "a response has more than one turn",
    "context_differs": "the two responses do not answer the same conversation",
    "no_shared_prompt": "there is no prompt, and the two texts do not begin alike",
    "no_responses": "there is nothing to compare",
    "unclear_label": "the label names none of the responses",
    "label_contradicts_scores": "label and scores name different winners",
    "score_conflict": "an annotator has already given another score to the same response",
    "rule_conflict": "another row has another rule for the same prompt",
    "duplicate_prompt": "the prompt's responses were compared in another row, on a scale of their own",
    "bad_rule": "the rule cannot be applied",
    "prompt_empty": "the prompt has no characters",
    "prompt_blank": "the prompt is white space alone",
    "prompt_too_long": "the prompt is longer than prepare.max_chars",
    "prompt_nul_character": "the prompt holds a NUL character",
    "prompt_not_unicode": "the prompt holds half a surrogate pair",
    "empty": "the response has no characters",
    "blank": "the response is white space alone",
    "too_long": "the response is longer than prepare.max_chars",
    "nul_character": "the response holds a NUL character",
    "not_unicode": "the response, or a name, holds half a surrogate pair",
    "duplicate_text": "the prompt has this response already, and nothing new is known of it",
    "over_max_prompts": "left out by prepare.max_prompts",
    "over_max_responses": "left out by prepare.max_responses",
}
"""Every reason for which `prepare` sets something aside."""


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
        reason: a short code for the quarantine table, one of REASONS for a row of raw data.
        detail: what is wrong with it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def messages_of(prompt: object, key: str = "prompt") -> list[Message]:
    """A conversation that ends with the user's turn, from text or from a list of messages.

    Raises:
        BadRow: it is neither.
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else None
    messages = turns_of(prompt, key) if messages is None or _is_chat(prompt) else messages
    if messages[-1]["role"] != "user":
        raise BadRow("no_user_turn", "the last message must be the user's")
    return messages


def turns_of(value: object, key: str) -> list[Message]:
    """A list of messages: {role, content} as OpenAI has them, or {from, value} as ShareGPT has.

    Content may be text or a list of text parts. Messages may be JSON in a text, as a CSV has them.

    Raises:
        BadRow: it is something else, holds other things than text, or calls tools.
    """
    given = _parsed(value) if _is_chat(value) else value
    turns = [turn for turn in given if turn is not None] if isinstance(given, list) else []
    if not turns:
        raise BadRow("wrong_type", f"{key!r} must be text or a list of messages")
    return [_message(as_object(turn)) for turn in turns]


def completion_of(value: object, key: str) -> str:
    """A response: a text, an assistant's message, or a list of one.

    Raises:
        BadRow: it is something else.
    """
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, str) and not _is_chat(value):
        return value
    turns = turns_of(value, key)
    if len(turns) > 1:
        raise BadRow("several_turns", f"{key!r} has {len(turns)} turns; a response is one")
    if turns[0]["role"] != "assistant":
        raise BadRow("no_assistant_turn", f"{key!r} is by {turns[0]['role']}")
    return turns[0]["content"]


def with_system(fields: Mapping[str, object], messages: list[Message]) -> list[Message]:
    """The messages after the row's own system prompt, where it has one."""
    system = first_of(fields, "system", "system_prompt")
    if not isinstance(system, str) or not system.strip() or messages[0]["role"] == "system":
        return messages
    return [{"role": "system", "content": system}, *messages]


def labeled_pair(
    messages: list[Message],
    texts: Sequence[str],
    annotator: str,
    scores: Sequence[float] = (1.0, 0.0),
    generators: Sequence[str | None] = (None, None),
) -> RawRow:
    """Two responses whose label is known: the better one has the higher score by `annotator`."""
    return RawRow(
        messages,
        [
            RawResponse(text, generator, {annotator: score})
            for text, generator, score in zip(texts, generators, scores, strict=True)
        ],
    )


def first_of(fields: Mapping[str, object], *keys: str) -> object:
    """The value of the first of these keys that is there."""
    return next((fields[key] for key in keys if fields.get(key) is not None), None)


def text_of(row: Mapping[str, object], key: str) -> str:
    """The string under `key`.

    Raises:
        BadRow: it is missing, or not a string.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise BadRow("wrong_type", f"{key!r} must be text, it is {_kind(value)}")
    return value


def list_of(row: Mapping[str, object], key: str) -> list[object]:
    """The list under `key`, also where it is JSON in a text, as a CSV has it.

    Raises:
        BadRow: it is missing, or no list.
    """
    value = _parsed(row.get(key))
    if not isinstance(value, list):
        raise BadRow("wrong_type", f"{key!r} must be a list, it is {_kind(value)}")
    return value


def number_of(value: object, key: str) -> float:
    """A finite number, also where it is written as text.

    Raises:
        BadRow: it is not one.
    """
    number = math.nan
    if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool):
        with suppress(OverflowError, ValueError):
            number = float(value)
    if not math.isfinite(number):
        raise BadRow("wrong_type", f"{key!r} must be a finite number, it is {_kind(value)}")
    return number


def rating_of(value: object, key: str) -> float | None:
    """A rating; None where the annotator did not rate.

    Raises:
        BadRow: it is neither a number nor a way to say that there is none.
    """
    if value is None or (isinstance(value, str) and value.strip().casefold() in _NOT_RATED):
        return None
    return number_of(value, key)


def ratings_of(values: Mapping[str, object], key: str) -> dict[str, float]:
    """Who rated, and how; without those who did not."""
    rated = {name_of(name, key): rating_of(value, f"{key}.{name}") for name, value in values.items()}
    return {name: rating for name, rating in rated.items() if rating is not None}


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
    """A JSON object, also where it is JSON in a text.

    Raises:
        BadRow: it is something else.
    """
    value = _parsed(row)
    if not isinstance(value, dict):
        raise BadRow("wrong_type", f"a row must be a JSON object, this is {_kind(row)}")
    return value


def without_nulls(value: object) -> object:
    """The value with null meaning absent: no key of an object is null, nor an object that held nothing else.

    Places of a list stay, because other lists can run beside it. NaN is what tables have for null.
    """
    if isinstance(value, dict):
        kept = {key: inner for key, item in value.items() if (inner := without_nulls(item)) is not None}
        return kept if kept or not value else None
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _message(message: Mapping[str, object]) -> Message:
    role = first_of(message, "role", "from")
    if not isinstance(role, str):
        raise BadRow("wrong_type", f"'role' must be text, it is {_kind(role)}")
    role = _ALIASES.get(role, role)
    if role in _TOOL_ROLES or message.get("tool_calls") or message.get("function_call"):
        raise BadRow("tool_calls", f"a message of the role {role!r} calls a tool or answers for one")
    if role not in ROLES:
        raise BadRow("wrong_role", f"role must be one of {', '.join(ROLES)}, it is {role!r}")
    content = first_of(message, "content", "value")
    if isinstance(content, list):
        content = "\n".join(_part(as_object(part)) for part in content if part is not None)
    return {"role": role, "content": text_of({"content": content}, "content")}


def _part(part: Mapping[str, object]) -> str:
    kind = part.get("type", "text")
    if kind in ("tool_use", "tool_result", "tool_call"):
        raise BadRow("tool_calls", f"a part of a message is {kind}")
    if kind not in _TEXT_PARTS:
        raise BadRow("not_text", f"a part of a message is {kind!r}, not text")
    return text_of(part, "text")


def _is_chat(value: object) -> bool:
    """Whether a text is a JSON list of messages."""
    turns = _parsed(value)
    return (
        isinstance(value, str)
        and isinstance(turns, list)
        and bool(turns)
        and all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in turns)
    )


def _parsed(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return without_nulls(json.loads(value))
    except (ValueError, RecursionError):
        return value


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true/false",
        type(None): "missing or null",
        int: f"the number {value!r:.30}",
        float: f"the number {value!r:.30}",
    }
    return names.get(type(value), type(value).__name__)
