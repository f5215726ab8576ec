"""llm_judge: a language model that is asked about every pair in both orders, and paid once for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from realign.evaluation.intervals import Resampling
from realign.evaluation.judge_quality import consistency, position_bias
from realign.labelers.base import ABSTAINED, OUTCOMES, OVER_BUDGET, Question, Verdicts
from realign.labelers.llm_judge.docket import docket
from realign.labelers.llm_judge.orders import ORDERS, said
from realign.labelers.llm_judge.purchase import judge

_RESAMPLES, _CONFIDENCE = 2000, 0.95


def llm_judge(question: Question) -> Verdicts:
    """The judge's verdict on each pair: known ones from the ledger, the others bought.

    Both orders agree on a winner: it wins, with the mean of their probabilities. Whatever else they say
    is a tie with probability 1/2; where one of them cannot be read, the judge abstains. Pairs that
    `label.budget` does not pay for are told apart, and nobody is asked about them.

    Raises:
        Transient: calls got no answer; what came is in the ledger, and the same command goes on.
        UserError: the judge cannot be asked at all.
    """
    cases = docket(question.pairs, question.settings)
    found = judge(cases, question.work.ledger(), question.work.shared_ledger())
    rows = found.set_index("pair_id").reindex(question.pairs["pair_id"])
    asked = rows["winner"].notna().to_numpy()
    winner = rows["winner"].replace("abstain", ABSTAINED).fillna(OVER_BUDGET).to_numpy(dtype=object)
    orders = np.full((len(rows), 2), "", dtype=object)
    paid = rows[asked]
    orders[asked] = said(zip(paid["answer_ab"], paid["answer_ba"], strict=True), cases.brief)
    p_a = rows["p_a"].fillna(0.5).to_numpy(dtype=float)
    return Verdicts(
        winner, p_a, cases.brief.name, orders, {"judge": _account(question, paid, winner, orders)}
    )


def _account(
    question: Question, paid: pd.DataFrame, winner: np.ndarray, orders: np.ndarray
) -> dict[str, Any]:
    """Figures that depend on the verdicts alone, not on when or by whom they were bought."""
    how = Resampling(_RESAMPLES, _CONFIDENCE, question.seed, "pairs")
    ab, ba = orders[:, 0], orders[:, 1]
    agreement, bias = consistency(ab, ba, how), position_bias(ab, ba, how)
    return {
        "verdicts": {word: int((winner == word).sum()) for word in (*OUTCOMES, ABSTAINED, OVER_BUDGET)},
        "consistency": agreement and agreement.as_json(),
        "position_bias": bias and bias.as_json(),
        "repairs": int((paid["calls"] - len(ORDERS)).sum()),
        "calls": int(paid["calls"].sum()),
        "tokens_in": int(paid["tokens_in"].sum()),
        "tokens_out": int(paid["tokens_out"].sum()),
        "money": round(float(paid["price"].sum()), 6),
    }
