"""Argilla's exports: fields, and what people answered (`responses`). The prompt is the field `prompt`, `instruction`,
`question` or `context`; every other field is a response if an answer names it. An answer is the better one's field, or a
ranking of the fields. Each person is an annotator; drafts and discarded answers do not count, and suggestions are the
annotator `suggestion`. Rows with flat columns, as on the hub, are read as well.
"""

import re
from collections.abc import Iterator, Mapping

from realign.data.raw import (
    BadRow,
    RawResponse,
    RawRow,
    as_object,
    completion_of,
    list_of,
    messages_of,
    name_of,
    number_of,
)

JOINABLE = False
EXAMPLE = {
    "id": "1",
    "fields": {
        "prompt": "How do I boil an egg?",
        "response1": "Eight minutes in boiling water.",
        "response2": "No idea.",
    },
    "responses": {"better": [{"value": "response1", "user_id": "ann", "status": "submitted"}]},
    "suggestions": {},
}

_PROMPTS = ("prompt", "instruction", "question", "context", "input", "chat")
_TIES = ("tie", "equal", "same", "both")
_COUNTED = ("submitted", None)


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: there is no prompt, no answer, or an answer that names none of the fields.
    """
    whole = as_object(row)
    fields = as_object(whole["fields"]) if isinstance(whole.get("fields"), dict) else whole
    prompt = next((name for name in _PROMPTS if fields.get(name) is not None), "prompt")
    messages = messages_of(fields.get(prompt), prompt)
    names = [name for name in fields if name != prompt and _is_response(name)]
    if len(names) < 2:
        raise BadRow("no_responses", "fewer than two fields are responses")
    scores: dict[str, dict[str, float]] = {name: {} for name in names}
    for who, value in _answers(whole):
        for name, score in _scored(value, names).items():
            scores[name][name_of(who, "user_id")] = score
    if not any(scores.values()):
        raise BadRow("unclear_label", "nobody's answer counts")
    return RawRow(
        messages, [RawResponse(completion_of(fields[name], name), None, scores[name]) for name in names]
    )


def _is_response(name: str) -> bool:
    """Whether a field holds a response, by its name: response1, reply-2, generation_b, completion, ..."""
    return bool(
        re.fullmatch(
            r"(response|reply|generation|completion|answer|output|text|model)[-_ ]?(\d+|[a-h])", name
        )
    )


def _answers(row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Who answered, and what: of all questions."""
    responses, suggestions = row.get("responses"), row.get("suggestions")
    for answers in as_object(responses).values() if isinstance(responses, dict) else ():
        yield from _people(answers)
    if isinstance(suggestions, dict):
        for suggestion in suggestions.values():
            yield "suggestion", as_object(suggestion).get("value")
    for key, value in row.items():
        if key.endswith(".responses") and isinstance(value, list):
            users, status = (row.get(f"{key}.{more}") for more in ("users", "status"))
            yield from _beside(value, users, status)
        elif key.endswith(".suggestion") or key.endswith("-suggestion"):
            yield "suggestion", value
        elif f"{key}-suggestion" in row or _is_people(value):
            yield from _people(value)


def _is_people(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "user_id" in one for one in value)


def _people(answers: object) -> Iterator[tuple[str, object]]:
    if isinstance(answers, dict):  # columns beside one another, as the hub stores a sequence
        values = answers.get("value")
        if isinstance(values, list):
            yield from _beside(values, answers.get("user_id"), answers.get("status"))
        return
    for answer in answers if isinstance(answers, list) else ():
        one = as_object(answer or {})
        if one.get("status") in _COUNTED and one.get("value") is not None:
            yield str(one.get("user_id", "argilla")), one["value"]


def _beside(values: list[object], users: object, status: object) -> Iterator[tuple[str, object]]:
    for number, value in enumerate(values):
        who = users[number] if isinstance(users, list) and number < len(users) else None
        state = status[number] if isinstance(status, list) and number < len(status) else None
        if state in _COUNTED and value is not None:
            yield str(who or "argilla"), value


def _scored(value: object, names: list[str]) -> dict[str, float]:
    """A score for each response: from a ranking, or 1 for the one that is named."""
    if isinstance(value, dict) and isinstance(value.get("value"), list):
        ranks = list_of(value, "rank")
        value = [{"value": one, "rank": rank} for one, rank in zip(value["value"], ranks, strict=False)]
    if isinstance(value, list):
        ranked = [as_object(one) for one in value]
        return {_named(one.get("value"), names): -number_of(one.get("rank"), "rank") for one in ranked}
    if str(value).casefold() in _TIES:
        return dict.fromkeys(names, 0.0)
    best = _named(value, names)
    return {name: float(name == best) for name in names}


def _named(value: object, names: list[str]) -> str:
    """The response that an answer names: by its field, or by its number or letter."""
    plain = re.sub(r"[-_ ]", "", str(value).casefold())
    for name in names:
        whole = re.sub(r"[-_ ]", "", name.casefold())
        if plain in (whole, re.sub(r"^[a-z]{2,}", "", whole)):
            return name
    raise BadRow("unclear_label", f"{value!r} is none of {', '.join(names)}")
