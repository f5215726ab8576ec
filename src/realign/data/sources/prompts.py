"""Prompts alone, for which the policy generates responses. A prompt (or `messages`) is text, or messages that end with the
user's; where `messages` end with the assistant's, that turn is kept as a response.
"""

from realign.data.raw import RawResponse, RawRow, as_object, first_of, messages_of, turns_of

JOINABLE = True
EXAMPLE = {"prompt": "How do I boil an egg?"}


def read(row: object) -> RawRow:
    """Understand one row; `responses`, if there are any, are ignored.

    Raises:
        BadRow: the prompt is missing or of the wrong type.
    """
    fields = as_object(row)
    conversation = first_of(fields, "prompt", "messages")
    if "prompt" not in fields and isinstance(conversation, list):
        *turns, last = turns_of(conversation, "messages")
        if last["role"] == "assistant":
            return RawRow(messages_of(turns, "messages"), [RawResponse(last["content"])])
    return RawRow(messages_of(conversation), [])
