"""HH-RLHF: two transcripts, whose turns begin with a blank line and `Human:` or `Assistant:`. The two are equal up to the
last answer. The chosen answer has score 1 and the rejected one 0, by the annotator `human`. The blank line before the
first turn may be missing.
"""

import os.path
import re

from realign.data.raw import BadRow, RawRow, as_object, labeled_pair, text_of
from realign.store.ids import Message

# A person compared the two answers of one row; a 1 in another row about this prompt can mean less.
JOINABLE = False
EXAMPLE = {
    "chosen": "\n\nHuman: How do I boil an egg?\n\nAssistant: Eight minutes in boiling water.",
    "rejected": "\n\nHuman: How do I boil an egg?\n\nAssistant: No idea.",
}

_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
_ROLE = {"Human": "user", "Assistant": "assistant"}
_OTHER = {
    "Human": re.compile(r"\n[ \t]*Assistant[ \t]*:", re.IGNORECASE),
    "Assistant": re.compile(r"\n[ \t]*Human[ \t]*:", re.IGNORECASE),
}


def read(row: object) -> RawRow:
    """Understand one row.

    Each transcript is split at its own last answer. The paper's code cuts the rejected one where the chosen one's
    answer begins, which is the wrong place as soon as the contexts differ.

    Raises:
        BadRow: a transcript is not a dialogue, or the two contexts differ.
    """
    fields = as_object(row)
    sides = [_turns(text_of(fields, side)) for side in ("chosen", "rejected")]
    for turns in sides:
        if turns[-1][0] != "Assistant":
            raise BadRow("ends_with_human", turns[-1][1].strip())
    chosen_context, rejected_context = (_messages(turns[:-1]) for turns in sides)
    if chosen_context != rejected_context:
        words = ["\n\n".join(f"{name}: {text.strip()}" for name, text in turns[:-1]) for turns in sides]
        raise BadRow("context_differs", f"chosen is {_differs(*words)}")
    if not chosen_context or chosen_context[-1]["role"] != "user":
        raise BadRow("no_user_turn", "the answer follows no turn of the human")
    return labeled_pair(chosen_context, [turns[-1][1] for turns in sides], "human")


def is_transcript(text: str) -> bool:
    """Whether a text begins as a transcript does."""
    return _TURN.match(text) is not None


def context_of(text: str) -> list[Message]:
    """A transcript up to the answer, which may end with `Assistant:`, as messages.

    Raises:
        BadRow: it is not a dialogue that the human has begun.
    """
    turns = _turns(text if text.rstrip().endswith("Assistant:") else f"{text}\n\nAssistant:")
    return _messages(turns[:-1])


def _turns(transcript: str) -> list[tuple[str, str]]:
    """Speaker and text of every turn; nothing of the transcript is outside a turn."""
    transcript = transcript.replace("\r\n", "\n")
    found = list(_TURN.finditer(transcript))
    lead = transcript[: found[0].start()] if found else transcript
    if all(turn[1] != "Assistant" for turn in found):
        raise BadRow("no_assistant_turn", transcript)
    if lead.strip():
        raise BadRow("leading_text", lead.strip())
    ends = [turn.start() for turn in found[1:]] + [len(transcript)]
    turns = [(turn[1], transcript[turn.end() : end]) for turn, end in zip(found, ends, strict=True)]
    for speaker, text in turns:
        hidden = _OTHER[speaker].search(text)
        if hidden:
            raise BadRow("unclear_turn", text[max(0, hidden.start() - 40) :])
    return turns


def _messages(turns: list[tuple[str, str]]) -> list[Message]:
    messages: list[Message] = []
    for speaker, text in turns:
        content = text.strip()
        if not content:
            continue
        if messages and messages[-1]["role"] == _ROLE[speaker]:
            messages[-1]["content"] += "\n\n" + content
        else:
            messages.append({"role": _ROLE[speaker], "content": content})
    return messages


def _differs(one: str, other: str) -> str:
    same = len(os.path.commonprefix([one, other]))  # noqa: RUF071 - characters are meant
    return (
        f"the same up to character {same}, then {one[same : same + 40]!r} against {other[same : same + 40]!r}"
    )
