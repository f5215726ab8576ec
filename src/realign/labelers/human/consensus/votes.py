"""Which of the verdicts are votes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

P_A: Mapping[str, float] = {"a": 1.0, "b": 0.0, "tie": 0.5, "both_bad": 0.5}
"""The probability that a is better, as a person's vote says it."""


def counted(verdicts: pd.DataFrame) -> pd.DataFrame:
    """People's verdicts that say something, one a person, pair and occasion, in this order.

    An abstention is no vote. Where a person answered the same pair under two instructions, the answer
    given last is theirs.
    """
    said = verdicts[(verdicts["kind"] == "human") & verdicts["winner"].isin(P_A)]
    key = ["pair_id", "annotator", "occasion"]
    ordered = said.sort_values([*key, "given_at", "label_id"], kind="stable")
    return ordered.drop_duplicates(key, keep="last").reset_index(drop=True)


def first(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Votes that were not asked for a second time on purpose: one a person and pair."""
    found = counted(verdicts)
    return found[found["occasion"] == 0].reset_index(drop=True)
