"""easy_length_matched: the least alike pair among those of about the same length."""

from typing import Annotated

import numpy as np
from pydantic import Field

from realign.selection.candidates import Candidates


def easy_length_matched(pool: Candidates, *, ratio: Annotated[float, Field(ge=1)]) -> np.ndarray:
    """cos(e_i, e_j) where |ln(n_i / n_j)| <= ln(ratio); all others after these. Shape (P,).

    Easy (REAL, arXiv 2409.17169) under a caliper, as in matching of observational data (Cochran and
    Rubin 1973). A prompt without a pair inside it gives its pair of the most equal lengths.
    """
    apart = np.abs(pool.log_length_ratio)
    inside = apart <= np.log(ratio)
    return np.where(inside, pool.similarity, 2.0 + apart)
