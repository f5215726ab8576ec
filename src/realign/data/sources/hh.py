"""HH-RLHF: two transcripts, whose turns begin with a blank line and `Human:` or `Assistant:`. The two are equal up to the
last answer. The chosen answer has score 1 and the rejected one 0, by the annotator `human`.
"""

import os.path
import re

from realign.data.raw import BadRow, RawResponse, RawRow, as_object, text_of
from realign.store.ids import Message

# A person compared the two answers of one row; a 1 in another row about this prompt can mean less.
JOINABLE = False
EXAMPLE = {
    "chosen": "\n\nHuman: How do I boil an egg?\n\nAssistant: Eight minutes in boiling water.",
    "rejected": "\n\nHuman: How do I boil an egg?\n\nAssistant: No idea.",
}

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLE = {"Human": "user", "Assistant": "assistant"}


def read(row: object) -> RawRow:
    """Understand one row.

    Each transcript is split at its own last answer. The paper's code cuts the rejected one where the chosen one's
    answer begins, which is the wrong place as soon as the contexts differ.

    Raises:
        BadRow: a transcript is not a dialogue, or the two contexts differ.
    """
    fields = as_object(row)
    chosen_context, chosen = _split(text_of(fields, "chosen"))
    rejected_context, rejected = _split(text_of(fields, "rejected"))
    if chosen_context != rejected_context:
        raise BadRow("context_differs", f"chosen is {_differs(chosen_context, rejected_context)}")
    return RawRow(
        _messages(chosen_context),
        [
            RawResponse(chosen, None, {"human": 1.0}),
            RawResponse(rejected, None, {"human": 0.0}),
        ],
    )


def _split(transcript: str) -> tuple[str, str]:
    turns = list(_TURN.finditer(transcript))
    answers = [turn for turn in turns if turn.group(1) == "Assistant"]
    if not answers:
        raise BadRow("no_assistant_turn", transcript)
    last = answers[-1]
    if last is not turns[-1]:
        raise BadRow("ends_with_human", transcript[turns[-1].start() :].strip())
    return transcript[: last.start()], transcript[last.end() :]


def _messages(context: str) -> list[Message]:
    turns = list(_TURN.finditer(context))
    if not turns:
        raise BadRow("no_user_turn", context)
    ends = [turn.start() for turn in turns[1:]] + [len(context)]
    messages: list[Message] = []
    for turn, end in zip(turns, ends, strict=True):
        role, content = _ROLE[turn.group(1)], context[turn.end() : end].strip()
        if not content:
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += "\n\n" + content
        else:
            messages.append({"role": role, "content": content})
    if not messages or messages[-1]["role"] != "user":
        raise BadRow("no_user_turn", context)
    return messages


def _differs(one: str, other: str) -> str:
    same = len(os.path.commonprefix([one, other]))  # noqa: RUF071 - characters are meant
    return (
        f"the same up to character {same}, then {one[same : same + 40]!r} against {other[same : same + 40]!r}"
    )
