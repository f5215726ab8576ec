"""HelpSteer3, and the preferences of HelpSteer2: two responses, and how much better the second one is, from -3 to 3.
That is the second one's score by the annotator `overall`, the first one has 0. People who took part are `person 1` and so
on; a number is another person in another row.
"""

from realign.data.raw import (
    RawResponse,
    RawRow,
    as_object,
    completion_of,
    first_of,
    list_of,
    messages_of,
    number_of,
    ratings_of,
)
from realign.data.sources import helpsteer2

JOINABLE = False
EXAMPLE = {
    "context": [{"role": "user", "content": "How do I boil an egg?"}],
    "response1": "Eight minutes in boiling water.",
    "response2": "No idea.",
    "overall_preference": -3,
    "individual_preference": [{"score": -3, "reasoning": "The second one does not answer."}],
}

_PEOPLE = {"individual_preference": "score", "all_preferences_unprocessed": "strength"}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: a response or the preference is missing.
    """
    fields = as_object(row)
    context = fields.get("context")
    messages = messages_of(context, "context") if context is not None else helpsteer2.conversation(fields)
    texts = [
        completion_of(first_of(fields, f"response{side}", f"response_{side}"), f"response{side}")
        for side in (1, 2)
    ]
    overall = first_of(fields, "overall_preference", "preference_strength")
    second = {"overall": number_of(overall, "overall_preference")} | _people(fields)
    return RawRow(
        messages,
        [RawResponse(texts[0], None, dict.fromkeys(second, 0.0)), RawResponse(texts[1], None, second)],
    )


def _people(fields: dict[str, object]) -> dict[str, float]:
    rated: dict[str, object] = {}
    for key, score in _PEOPLE.items():
        people = list_of(fields, key) if fields.get(key) is not None else []
        for number, person in enumerate(people, start=1):
            rated[f"person {number}"] = as_object(person or {}).get(score)
    return ratings_of(rated, "preference")
