"""HelpSteer and HelpSteer2: a row a response, with its ratings by attribute; each attribute is an annotator,
`helpfulness` the first. A prompt of several turns has lines `<extra_id_1>Assistant` and `<extra_id_1>User` between them.
"""

import re

from realign.data.raw import BadRow, RawResponse, RawRow, as_object, messages_of, ratings_of, text_of
from realign.store.ids import Message

JOINABLE = True
EXAMPLE = {
    "prompt": "How do I boil an egg?",
    "response": "Eight minutes in boiling water.",
    "helpfulness": 4,
    "correctness": 4,
    "coherence": 4,
    "complexity": 1,
    "verbosity": 1,
}

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
_TURN = re.compile(r"\s*<extra_id_1>(User|Assistant)\r?\n")


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: prompt or response is missing, or no attribute is rated.
    """
    fields = as_object(row)
    scores = ratings_of({name: fields.get(name) for name in ATTRIBUTES}, "rating")
    if not scores:
        raise BadRow("wrong_type", f"none of {', '.join(ATTRIBUTES)} is rated")
    return RawRow(conversation(fields), [RawResponse(text_of(fields, "response"), None, scores)])


def conversation(fields: dict[str, object]) -> list[Message]:
    """The prompt's turns.

    Raises:
        BadRow: it does not end with the user.
    """
    first, *rest = _TURN.split(text_of(fields, "prompt"))
    turns = [("User", first)] if first.strip() or not rest else []
    turns += zip(rest[::2], rest[1::2], strict=True)
    return messages_of(
        [{"role": "user" if who == "User" else "assistant", "content": text} for who, text in turns]
    )
