"""`multi`: one prompt with several responses; `prompts`: prompts alone.

{"id"?, "prompt": text or messages, "rule"?: object,
 "responses": [{"text", "generator"?, "score"?, "scores"?: {annotator: number}}]}
"""

from __future__ import annotations

import json

from realign.data.sources.raw import BadRow, RawResponse, RawRow, as_object, name_of, number_of, text_of
from realign.store.ids import Message

_ROLES = ("system", "user", "assistant")


def read(row: object) -> RawRow:
    """Understand one row of `multi` data.

    Raises:
        BadRow: a key is absent or of the wrong type, or there are no responses.
    """
    fields = as_object(row)
    responses = fields.get("responses")
    if not isinstance(responses, list):
        raise BadRow("wrong_type", "'responses' must be a list")
    if not responses:
        raise BadRow("no_responses", "'responses' is an empty list")
    rule = fields.get("rule")
    return RawRow(
        _messages(fields.get("prompt")),
        [_response(item) for item in responses],
        None if rule is None else name_of(json.dumps(rule, sort_keys=True, ensure_ascii=False), "rule"),
    )


def read_prompt(row: object) -> RawRow:
    """Understand one row of prompts-only data; responses, if any, are not looked at.

    Raises:
        BadRow: the prompt is absent or of the wrong type.
    """
    return RawRow(_messages(as_object(row).get("prompt")), [])


def _messages(prompt: object) -> list[Message]:
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list) or not prompt:
        raise BadRow("wrong_type", "'prompt' must be text or a list of messages")
    messages = []
    for item in prompt:
        message = as_object(item)
        role = text_of(message, "role")
        if role not in _ROLES:
            raise BadRow("wrong_role", f"role must be one of {', '.join(_ROLES)}, it is {role!r}")
        messages.append({"role": role, "content": text_of(message, "content")})
    if messages[-1]["role"] != "user":
        raise BadRow("no_user_turn", "the last message must be the user's")
    return messages


def _response(item: object) -> RawResponse:
    response = as_object(item)
    generator = response.get("generator")
    scores = {}
    if response.get("score") is not None:
        scores["score"] = number_of(response["score"], "score")
    if response.get("scores") is not None:
        named = as_object(response["scores"])
        scores |= {
            name_of(name, "scores"): number_of(value, f"scores.{name}") for name, value in named.items()
        }
    return RawResponse(
        text_of(response, "text"), None if generator is None else name_of(generator, "generator"), scores
    )
