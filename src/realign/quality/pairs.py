"""The pairs gate: which picked pairs may be labeled, and whether enough of them are left."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from realign.config.params import Validate
from realign.quality import frames, gate, suites
from realign.store import schemas
from realign.store.quarantine import Quarantine, Tally
from realign.store.work import Work


@dataclass(frozen=True)
class Passed:
    """Pairs that passed, the gate's summary, and what was set aside."""

    pairs: pd.DataFrame
    summary: dict[str, Any]
    quarantine: Quarantine
    tally: Tally


def passed(
    pairs: pd.DataFrame, responses: pd.DataFrame, prompts: pd.DataFrame, limits: Validate, work: Work
) -> Passed:
    """Set bad pairs aside; refuse the table if too much is wrong with what would be trained on.

    Args:
        pairs: the pairs table.
        responses: the responses table.
        prompts: the prompts table.
        limits: the validate section.
        work: where the gate's report goes.

    Raises:
        ValidationFailed: names the expectation, the figure and the first rows.
    """
    pairs = pairs.reset_index(drop=True)
    columns = frames.pairs(pairs, responses, prompts)
    binding = pairs["purpose"] != "audit"
    result = gate.check(columns, suites.pairs(limits, int(binding.sum())), binding, work)
    reasons = columns["row_id"].map(result.failed)
    quarantine = Quarantine()
    for name, reason in zip(columns["row_id"][reasons.notna()], reasons.dropna(), strict=True):
        quarantine.add("pair", str(name), str(reason))
    kept = pairs[reasons.isna()][schemas.PAIRS.names]
    tally = quarantine.tally({"pair": len(pairs)}, {"pair": len(kept)})
    return Passed(kept, result.summary, quarantine, tally)
