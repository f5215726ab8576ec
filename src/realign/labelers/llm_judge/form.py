"""The form in which a judge is asked for its label, and how its answer is read: one beside the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from realign.labelers.llm_judge import parse, prompt


@dataclass(frozen=True)
class Form:
    """A way to ask for a label.

    Attributes:
        question: the end of the prompt.
        read: what an answer says that was cut at max_tokens or not; raises parse.Unreadable.
        schema: the same as a JSON schema, for servers that hold a model to one.
        repairs: whether an unreadable answer is asked for once more.
    """

    question: str
    read: Callable[[str, bool], parse.Reply]
    schema: Mapping[str, Any] | None = None
    repairs: bool = True


def json_form(attributes: Mapping[str, float]) -> Form:
    """One JSON object: a label with its confidence, or scores where there are attributes."""
    read = partial(parse.scored, weights=attributes) if attributes else parse.overall
    return Form(prompt.json_question(attributes), read, prompt.response_format(attributes))


LETTERS = Form(prompt.letter_question(), parse.letters, repairs=False)
"""One letter, of whose log-probability the label is made."""
