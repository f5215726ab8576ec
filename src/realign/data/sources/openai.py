"""OpenAI's preference data for fine-tuning: a conversation under `input.messages`, and the preferred and the other answer.
The preferred one has score 1 and the other one 0, by the annotator `label`.
"""

from realign.data.raw import RawRow, as_object, completion_of, labeled_pair, messages_of

JOINABLE = False
EXAMPLE = {
    "input": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "How do I boil an egg?"}]},
        ]
    },
    "preferred_output": [{"role": "assistant", "content": "Eight minutes in boiling water."}],
    "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: the conversation or an answer is missing, or a tool is called.
    """
    fields = as_object(row)
    sides = ("preferred_output", "non_preferred_output")
    texts = [completion_of(fields.get(side), side) for side in sides]
    return labeled_pair(
        messages_of(as_object(fields.get("input")).get("messages"), "input.messages"), texts, "label"
    )
