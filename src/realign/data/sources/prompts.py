"""Prompts alone, for which the policy generates responses. A prompt is text, or messages that
end with the user's.
"""

from realign.data.raw import RawRow, as_object, messages_of

JOINABLE = True
EXAMPLE = {"prompt": "How do I boil an egg?"}


def read(row: object) -> RawRow:
    """Understand one row; responses, if there are any, are ignored.

    Raises:
        BadRow: the prompt is missing or of the wrong type.
    """
    return RawRow(messages_of(as_object(row).get("prompt")), [])
