"""Pairs that teach: which may be bought at all, and the pilot's as rows that a labeler is asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd

from realign.config.params import Validate
from realign.quality import frames, gate, suites
from realign.selection.candidates import Candidates
from realign.selection.choose import Picks
from realign.selection.tables import as_pairs


def sound(
    pool: Candidates, purpose: str, responses: pd.DataFrame, prompts: pd.DataFrame, limits: Validate
) -> np.ndarray:
    """Candidates that pass the row checks of the pairs gate, so that none is paid for and then set aside. Shape (P,).

    Args:
        pool: the candidates.
        purpose: as in the pairs table.
        responses: the responses table.
        prompts: the prompts table.
        limits: the validate section.
    """
    everything = Picks(np.arange(len(pool.prompt)), np.ones(len(pool.prompt), dtype=int))
    columns = frames.pairs(as_pairs(pool, everything, purpose, "all"), responses, prompts)
    failed = gate.failing(columns, suites.pairs(limits, len(columns)))
    return np.asarray(~columns["row_id"].isin(list(failed)))


def pilot_rows(pool: Candidates, pilot: np.ndarray, by: str) -> pd.DataFrame:
    """These pairs as rows of the pairs table, in their order, with purpose pilot. (n,) -> n rows."""
    picks = Picks(pilot, np.ones(len(pilot), dtype=int))
    return as_pairs(pool, picks, "pilot", by)
