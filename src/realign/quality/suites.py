"""What is expected of responses, pairs and preferences; thresholds come from params.yaml."""

import math

from realign.config.params import Validate
from realign.quality.gate import Check, Suite

# The keys of params.yaml's section validate that each gate reads.
RESPONSE_LIMITS = ("min_rows", "max_share_dropped", "max_share_truncated", "max_share_refusals")
PAIR_LIMITS = ("min_rows", "max_share_dropped", "near_duplicate", "max_length_ratio")
PREFERENCE_LIMITS = ("min_rows", "max_length_confound")


def responses(limits: Validate, rows_in: int) -> Suite:
    """Candidate responses. Columns: response_id, text, tokens, truncated, refusal."""
    import great_expectations.expectations as gxe

    return Suite(
        "responses",
        "response_id",
        whole=[
            Check(
                "repeated_id",
                gxe.ExpectColumnValuesToBeUnique(column="response_id"),
                "An id occurs twice: run generate again from clean.",
            ),
        ],
        rows=[
            Check("blank", gxe.ExpectColumnValuesToMatchRegex(column="text", regex=r"\S")),
            Check("no_tokens", gxe.ExpectColumnValuesToBeBetween(column="tokens", min_value=1)),
        ],
        rest=[
            Check(
                "too_few",
                gxe.ExpectTableRowCountToBeBetween(min_value=max(limits.min_rows, _kept(rows_in, limits))),
                "Look at the quarantine of generate, or lower validate.min_rows / raise validate.max_share_dropped.",
            ),
            Check(
                "truncated",
                gxe.ExpectColumnMeanToBeBetween(column="truncated", max_value=limits.max_share_truncated),
                "Raise generate.max_new_tokens, or validate.max_share_truncated.",
            ),
            Check(
                "refusals",
                gxe.ExpectColumnMeanToBeBetween(column="refusal", max_value=limits.max_share_refusals),
                "Read some responses; if the refusals are justified, raise validate.max_share_refusals.",
            ),
        ],
    )


def pairs(limits: Validate, rows_in: int) -> Suite:
    """Picked pairs. Columns: row_id, purpose, text_a, text_b, similarity, length_ratio, overlap, leaks."""
    import great_expectations.expectations as gxe

    return Suite(
        "pairs",
        "row_id",
        whole=[
            Check(
                "repeated_pair",
                gxe.ExpectCompoundColumnsToBeUnique(column_list=["purpose", "pair_id"]),
                "A pair occurs twice and would be paid for twice: run select again.",
            ),
            Check(
                "unknown_response",
                gxe.ExpectColumnValuesToBeInSet(column="known", value_set=[1]),
                "These pairs name responses that are not in the responses table: run select again.",
            ),
            Check(
                "leak",
                gxe.ExpectColumnValuesToBeInSet(column="leaks", value_set=[0]),
                "These prompts begin like prompts of the other split, so the model would be tested on what it learned: "
                "run prepare again.",
            ),
        ],
        rows=[
            Check("blank", gxe.ExpectColumnValuesToMatchRegex(column="text_a", regex=r"\S")),
            Check("blank", gxe.ExpectColumnValuesToMatchRegex(column="text_b", regex=r"\S")),
            Check(
                "same_text",
                gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["text_a", "text_b"]),
            ),
            Check("no_similarity", gxe.ExpectColumnValuesToNotBeNull(column="similarity")),
            Check(
                "similarity_range",
                gxe.ExpectColumnValuesToBeBetween(column="similarity", min_value=-1, max_value=1),
            ),
            Check(
                "near_duplicate",
                gxe.ExpectColumnValuesToBeBetween(
                    column="overlap", max_value=limits.near_duplicate, strict_max=True
                ),
            ),
            Check(
                "length_ratio",
                gxe.ExpectColumnValuesToBeBetween(
                    column="length_ratio", min_value=1, max_value=limits.max_length_ratio
                ),
            ),
        ],
        rest=[
            Check(
                "too_few",
                gxe.ExpectTableRowCountToBeBetween(min_value=max(limits.min_rows, _kept(rows_in, limits))),
                "Look at the quarantine of validate, or change validate.max_share_dropped / min_rows.",
            ),
        ],
    )


def preferences(limits: Validate | None) -> Suite:
    """Labeled pairs. Columns: pair_id, chosen, rejected, p_chosen, validated, held_out, longer_wins.

    Without limits only what must hold under any threshold: what train checks once more.
    """
    import great_expectations.expectations as gxe

    return Suite(
        "preferences",
        "pair_id",
        rows=[],
        rest=[],
        whole=[
            *(_preference_limits(limits) if limits else []),
            Check(
                "repeated_pair",
                gxe.ExpectColumnValuesToBeUnique(column="pair_id"),
                "A pair occurs twice: run label again.",
            ),
            Check(
                "same_text",
                gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["chosen", "rejected"]),
                "Chosen and rejected are the same text, so there is nothing to learn: run label again.",
            ),
            Check(
                "blank",
                gxe.ExpectColumnValuesToMatchRegex(column="rejected", regex=r"\S"),
                "A rejected text is blank: run validate and label again.",
            ),
            Check(
                "blank",
                gxe.ExpectColumnValuesToMatchRegex(column="chosen", regex=r"\S"),
                "A chosen text is blank: run validate and label again.",
            ),
            Check(
                "probability",
                gxe.ExpectColumnValuesToBeBetween(column="p_chosen", min_value=0, max_value=1),
                "These probabilities are not between 0 and 1: check the labeler.",
            ),
            Check(
                "not_validated",
                gxe.ExpectColumnValuesToBeInSet(column="validated", value_set=[1]),
                "These pairs never passed the pairs gate: run validate and label again.",
            ),
            Check(
                "leak",
                gxe.ExpectColumnValuesToBeInSet(column="held_out", value_set=[0]),
                "These preferences belong to held-out prompts: run label again.",
            ),
        ],
    )


def _kept(rows_in: int, limits: Validate) -> int:
    return math.ceil(round(rows_in * (1 - limits.max_share_dropped), 6))  # 10 * (1 - 0.7) is a bit above 3


def _preference_limits(limits: Validate) -> list[Check]:
    import great_expectations.expectations as gxe

    return [
        Check(
            "too_few",
            gxe.ExpectTableRowCountToBeBetween(min_value=limits.min_rows),
            "Too many ties or dropped pairs: label more prompts, or lower validate.min_rows.",
        ),
        Check(
            "length_confound",
            gxe.ExpectColumnMeanToBeBetween(column="longer_wins", max_value=limits.max_length_confound),
            "The longer response nearly always wins, so DPO would learn length. Use a strategy that balances lengths, "
            "or raise validate.max_length_confound.",
        ),
    ]
