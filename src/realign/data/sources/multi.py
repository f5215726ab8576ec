"""One prompt with several responses. A prompt is text, or messages that end with the user's. A response needs only its
`text`; `generator` says who wrote it, `score` is a score by the annotator `score`, and `scores` holds those of any
number of annotators. Higher is better.
"""

from realign.data.raw import BadRow, RawResponse, RawRow, as_object, messages_of, name_of, number_of, text_of

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
    responses = fields.get("responses")
    if not isinstance(responses, list):
        raise BadRow("wrong_type", "'responses' must be a list")
    if not responses:
        raise BadRow("no_responses", "'responses' is an empty list")
    return RawRow(messages_of(fields.get("prompt")), [_response(item) for item in responses])


def _response(item: object) -> RawResponse:
    response = as_object(item)
    generator = response.get("generator")
    scores = {}
    if response.get("score") is not None:
        scores["score"] = number_of(response["score"], "score")
    if response.get("scores") is not None:
        named = as_object(response["scores"])
        scores |= {
            name_of(name, "scores"): number_of(value, f"scores.{name}") for name, value in named.items()
        }
    return RawResponse(
        text_of(response, "text"), None if generator is None else name_of(generator, "generator"), scores
    )
