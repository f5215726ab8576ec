"""SHP-2: two comments on a post, with their upvotes as scores by the annotator `upvotes`. `labels` is 1 where comment A
has more votes; a row where it contradicts the scores is set aside.
"""

from realign.data.raw import BadRow, RawResponse, RawRow, as_object, number_of, text_of

JOINABLE = True
EXAMPLE = {
    "history": "How do I boil an egg?",
    "human_ref_A": "Eight minutes in boiling water.",
    "human_ref_B": "No idea.",
    "score_A": 12,
    "score_B": 3,
    "labels": 1,
}


def read(row: object) -> RawRow:
    """Understand one row.

    Raises:
        BadRow: a column is missing or of the wrong type, or label and scores disagree.
    """
    fields = as_object(row)
    score_a = number_of(fields.get("score_A"), "score_A")
    score_b = number_of(fields.get("score_B"), "score_B")
    label = number_of(fields.get("labels"), "labels")
    if label not in (0, 1):
        raise BadRow("wrong_type", f"'labels' must be 0 or 1, it is {label:g}")
    # the paper's script drops the scores and takes the first response as the chosen one
    if score_a != score_b and (score_a > score_b) != (label == 1):
        raise BadRow("label_contradicts_scores", f"labels {label:g}, scores {score_a:g} and {score_b:g}")
    return RawRow(
        [{"role": "user", "content": text_of(fields, "history")}],
        [
            RawResponse(text_of(fields, "human_ref_A"), None, {"upvotes": score_a}),
            RawResponse(text_of(fields, "human_ref_B"), None, {"upvotes": score_b}),
        ],
    )
