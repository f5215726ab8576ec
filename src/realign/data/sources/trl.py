"""TRL's preference data: `prompt`, `chosen` and `rejected`, each a text or messages. Without `prompt`, it is what the two
sides share at their beginning. The chosen one has score 1 and the rejected one 0 by the annotator `label`, or their own
scores where the row has them (`score_chosen`, `chosen_rating`, ...). The prompt may be called `question` or `instruction`
(with `input`), and `system` may come with it.
"""

import os.path

from realign.data.raw import (
    BadRow,
    RawRow,
    as_object,
    completion_of,
    first_of,
    labeled_pair,
    messages_of,
    name_of,
    number_of,
    text_of,
    turns_of,
    with_system,
)
from realign.data.sources import hh
from realign.store.ids import Message

JOINABLE = False
EXAMPLE = {
    "prompt": [{"role": "user", "content": "How do I boil an egg?"}],
    "chosen": [{"role": "assistant", "content": "Eight minutes in boiling water."}],
    "rejected": [{"role": "assistant", "content": "No idea."}],
}

_PROMPTS = ("prompt", "question", "instruction", "input", "conversations", "messages")
_SCORES = ("score_{}", "{}_score", "{}_rating", "{}-rating", "{}_reward")
_MODELS = ("{}_model", "{}-model")


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: a side is missing, is no single response, or does not answer the prompt.
    """
    fields = as_object(row)
    messages, texts = _conversation(fields, fields.get("chosen"), fields.get("rejected"))
    models = [first_of(fields, *(key.format(side) for key in _MODELS)) for side in ("chosen", "rejected")]
    generators = [None if model is None else name_of(model, "model") for model in models]
    return labeled_pair(with_system(fields, messages), texts, "label", _scores(fields), generators)


def _conversation(
    fields: dict[str, object], chosen: object, rejected: object
) -> tuple[list[Message], list[str]]:
    prompt = _prompt(fields)
    if isinstance(chosen, list) and isinstance(rejected, list) and (len(chosen) > 1 or len(rejected) > 1):
        return _after_prompt(prompt, turns_of(chosen, "chosen"), turns_of(rejected, "rejected"))
    if prompt is not None:
        return prompt, [completion_of(chosen, "chosen"), completion_of(rejected, "rejected")]
    one, other = text_of(fields, "chosen"), text_of(fields, "rejected")
    if hh.is_transcript(one):
        understood = hh.read(fields)
        return understood.messages, [response.text for response in understood.responses]
    # as TRL's extract_prompt, but never in the middle of a word
    shared = os.path.commonprefix([one, other])  # noqa: RUF071 - characters are meant
    at = max((place for place, letter in enumerate(shared, start=1) if letter.isspace()), default=0)
    if not shared[:at].strip():
        raise BadRow("no_shared_prompt", f"{one[:40]!r} against {other[:40]!r}")
    return messages_of(shared[:at].strip()), [one[at:], other[at:]]


def _prompt(fields: dict[str, object]) -> list[Message] | None:
    given = first_of(fields, *_PROMPTS)
    more = fields.get("input")
    if isinstance(given, str) and hh.is_transcript(given):
        return hh.context_of(given)
    if isinstance(given, str) and isinstance(more, str) and given is not more and "instruction" in fields:
        given = f"{given}\n{more}"
    if given is None or ("prompt" not in fields and given is fields.get("messages") and _answered(given)):
        return None
    return messages_of(given)


def _answered(conversation: object) -> bool:
    return turns_of(conversation, "messages")[-1]["role"] == "assistant"


def _after_prompt(
    prompt: list[Message] | None, chosen: list[Message], rejected: list[Message]
) -> tuple[list[Message], list[str]]:
    """The turns that both sides share, and the answer of each."""
    shared = chosen[:-1]
    if shared != rejected[:-1]:
        raise BadRow("context_differs", "chosen and rejected share no conversation up to their last turn")
    if prompt is not None and prompt != shared[-len(prompt) :] and prompt != shared[: len(prompt)]:
        raise BadRow("context_differs", "chosen and rejected do not continue 'prompt'")
    answers = [completion_of([side[-1]], name) for side, name in ((chosen, "chosen"), (rejected, "rejected"))]
    return messages_of(list(shared), "chosen"), answers


def _scores(fields: dict[str, object]) -> tuple[float, float]:
    """The sides' own scores where they say the same as the label, otherwise 1 and 0."""
    sides = [first_of(fields, *(key.format(side) for key in _SCORES)) for side in ("chosen", "rejected")]
    if None in sides:
        return (1.0, 0.0)
    chosen, rejected = (
        number_of(score, f"score of {side}")
        for score, side in zip(sides, ("chosen", "rejected"), strict=True)
    )
    if chosen < rejected:
        raise BadRow("label_contradicts_scores", f"chosen has score {chosen:g}, rejected has {rejected:g}")
    return (chosen, rejected) if chosen > rejected else (1.0, 0.0)
