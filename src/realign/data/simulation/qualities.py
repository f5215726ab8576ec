"""The noise-free quality of many texts, each by its own rule."""

import json

import numpy as np
import pandas as pd

from realign.data.simulation.rule import quality
from realign.errors import UserError


def qualities(rows: pd.DataFrame, column: str) -> np.ndarray:
    """The noise-free quality in [0, 1] of the texts in `column` by each row's rule. Shape (n,).

    Raises:
        UserError: a row has no rule.
    """
    if rows["rule"].isna().any():
        raise UserError(
            "this data has no rule by which a response can be judged (data/README.md); set another label.labeler "
            "than oracle and another evaluate.scorer than rule",
            code="data.no_rule",
        )
    return np.array(
        [quality(json.loads(rule), text) for rule, text in zip(rows["rule"], rows[column], strict=True)]
    )
