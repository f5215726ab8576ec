"""UltraFeedback: an instruction and completions, each with an `overall_score` and a rating for each aspect; all of them are
annotators of their own, `overall_score` the first. "N/A" is no rating. As published, some completions have an
`overall_score` of 10 beside ratings of 1: compare with an aspect (`--second helpfulness`).
"""

from realign.data.raw import (
    BadRow,
    RawResponse,
    RawRow,
    as_object,
    list_of,
    messages_of,
    name_of,
    ratings_of,
    text_of,
)

JOINABLE = True
EXAMPLE = {
    "instruction": "How do I boil an egg?",
    "completions": [
        {
            "model": "model-1",
            "response": "Eight minutes in boiling water.",
            "overall_score": 8.5,
            "annotations": {"helpfulness": {"Rating": "4"}, "honesty": {"Rating": "N/A"}},
        },
        {"model": "model-2", "response": "No idea.", "overall_score": 2.0},
    ],
}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: the instruction is missing, or a completion has no text or a score that is none.
    """
    fields = as_object(row)
    completions = [_response(as_object(item)) for item in list_of(fields, "completions") if item is not None]
    if not completions:
        raise BadRow("no_responses", "'completions' is an empty list")
    return RawRow(messages_of(fields.get("instruction"), "instruction"), completions)


def _response(completion: dict[str, object]) -> RawResponse:
    ratings = {"overall_score": completion.get("overall_score")}
    for aspect, annotation in as_object(completion.get("annotations") or {}).items():
        ratings[aspect] = as_object(annotation or {}).get("Rating")
    model = completion.get("model")
    return RawResponse(
        text_of(completion, "response"),
        None if model is None else name_of(model, "model"),
        ratings_of(ratings, "rating"),
    )
