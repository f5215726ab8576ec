"""One prompt with several responses. A prompt (or `messages`) is text, or messages that end with the user's. A response
needs only its `text`; `generator` says who wrote it, `score` is a score by the annotator `score`, and `scores` holds those
of any number of annotators. Higher is better; null is no score.
"""

from realign.data.raw import (
    BadRow,
    RawResponse,
    RawRow,
    as_object,
    first_of,
    list_of,
    messages_of,
    name_of,
    number_of,
    text_of,
)

JOINABLE = True
EXAMPLE = {
    "prompt": [{"role": "user", "content": "How do I boil an egg?"}],
    "responses": [
        {"text": "Eight minutes in boiling water.", "generator": "model-1", "score": 4.5},
        {"text": "No idea.", "scores": {"ann": 1, "bob": 2}},
    ],
}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: a key is missing or of the wrong type, or there are no responses.
    """
    fields = as_object(row)
    responses = [_response(as_object(item)) for item in list_of(fields, "responses") if item is not None]
    if not responses:
        raise BadRow("no_responses", "'responses' is an empty list")
    return RawRow(messages_of(first_of(fields, "prompt", "messages")), responses)


def _response(response: dict[str, object]) -> RawResponse:
    generator, score = response.get("generator"), response.get("score")
    scores = {
        name_of(name, "scores"): number_of(value, f"scores.{name}")
        for name, value in as_object(response.get("scores") or {}).items()
        if value is not None
    }
    if score is not None:
        number = number_of(score, "score")
        if scores.setdefault("score", number) != number:
            raise BadRow("score_conflict", f"'score' is {number:g}, 'scores.score' is {scores['score']:g}")
    return RawResponse(
        text_of(response, "text"), None if generator is None else name_of(generator, "generator"), scores
    )
