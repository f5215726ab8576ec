"""distilabel's task UltraFeedback and the like: an instruction, generations, and a rating for each of them, by the
annotator `rating`. `model_names` or `generation_models` say who wrote them. Its pairs of `chosen` and `rejected` are rows
of the shape `trl`.
"""

from realign.data.raw import (
    BadRow,
    RawResponse,
    RawRow,
    as_object,
    completion_of,
    first_of,
    list_of,
    messages_of,
    name_of,
    ratings_of,
    with_system,
)

JOINABLE = True
EXAMPLE = {
    "instruction": "How do I boil an egg?",
    "generations": ["Eight minutes in boiling water.", "No idea."],
    "generation_models": ["model-1", "model-2"],
    "ratings": [5, 1],
}

_MODELS = ("generation_models", "model_names", "generation_model")


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: the instruction is missing, or the lists are not of one length.
    """
    fields = as_object(row)
    texts = list_of(fields, "generations")
    ratings = _beside(texts, fields, "ratings", "rating")
    models = _beside(texts, fields, *_MODELS)
    responses = [
        RawResponse(
            completion_of(text, "generations"),
            None if model is None else name_of(model, "model"),
            ratings_of({"rating": rating}, "rating"),
        )
        for text, rating, model in zip(texts, ratings, models, strict=True)
        if text is not None
    ]
    if not responses:
        raise BadRow("no_responses", "'generations' holds no text")
    messages = messages_of(first_of(fields, "instruction", "prompt", "input", "messages"), "instruction")
    return RawRow(with_system(fields, messages), responses)


def _beside(texts: list[object], fields: dict[str, object], *keys: str) -> list[object]:
    """The list that runs beside the generations, nulls where there is none."""
    key = next((key for key in keys if isinstance(fields.get(key), list | str)), None)
    if key is None:
        return [None] * len(texts)
    values = list_of(fields, key)
    if len(values) != len(texts):
        raise BadRow("wrong_type", f"{key!r} has {len(values)} values, 'generations' has {len(texts)}")
    return values
