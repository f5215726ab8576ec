"""`shp`: SHP-2 rows `{history, human_ref_A, human_ref_B, score_A, score_B, labels}`.

Rows of one post are joined into one prompt by the prepare stage. The label must agree with the
scores: the paper's script lost the scores and took the first response as chosen.
"""

from __future__ import annotations

from realign.data.sources.raw import BadRow, RawResponse, RawRow, as_object, number_of, text_of


def read(row: object) -> RawRow:
    """Understand one row; scores are upvotes, by the annotator 'upvotes'.

    Raises:
        BadRow: a column is absent or of the wrong type, or label and scores disagree.
    """
    fields = as_object(row)
    score_a = number_of(fields.get("score_A"), "score_A")
    score_b = number_of(fields.get("score_B"), "score_B")
    label = fields.get("labels")
    if label not in (0, 1):
        raise BadRow("wrong_type", f"'labels' must be 0 or 1, it is {label!r}")
    if score_a != score_b and (score_a > score_b) != (label == 1):
        raise BadRow("label_contradicts_scores", f"labels {label}, scores {score_a:g} and {score_b:g}")
    return RawRow(
        [{"role": "user", "content": text_of(fields, "history")}],
        [
            RawResponse(text_of(fields, "human_ref_A"), None, {"upvotes": score_a}),
            RawResponse(text_of(fields, "human_ref_B"), None, {"upvotes": score_b}),
        ],
    )
