"""llm_judge: a language model that is asked about every pair in both orders, and paid once for each."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from realign.config import params
from realign.evaluation.judge_quality import consistency, position_bias
from realign.labelers.base import Labeler, LabelRequest, Labels, Outlook
from realign.labelers.llm_judge import spec as specs
from realign.labelers.llm_judge.jobs import ORDERS, jobs, outlook
from realign.labelers.llm_judge.run import abstentions, label_with_judge
from realign.labelers.llm_judge.spec import judge_spec
from realign.store import ledger_batches as batches
from realign.store.labels import OVER_BUDGET, Label
from realign.store.ledger import Ledger
from realign.store.work import Work


def label(request: LabelRequest) -> Labels:
    """The judge's label of each pair: known ones from the ledger, the others bought.

    Pairs that `label.budget` does not pay for are OVER_BUDGET, and nobody is asked about them.

    Raises:
        Transient: calls got no answer; what came is in the ledger, and the same command goes on.
        UserError: the judge cannot be asked at all.
    """
    spec = judge_spec(request.settings.judge, request.rubric)
    paid = label_with_judge(spec, request.pairs, request.settings.budget, request.work)
    rows = paid.set_index("pair_id").reindex(request.pairs["pair_id"])
    winner = rows["winner"].fillna(OVER_BUDGET).to_numpy(dtype=object)
    orders = rows[["label_ab", "label_ba"]].fillna("").to_numpy(dtype=object)
    p_a = rows["p_a"].fillna(0.5).to_numpy(dtype=float)
    return Labels(winner, p_a, spec.name, orders, {"judge": _account(request, paid, winner, orders)})


def _account(
    request: LabelRequest, paid: pd.DataFrame, winner: np.ndarray, orders: np.ndarray
) -> dict[str, Any]:
    """Figures that depend on the labels alone, not on when or by whom they were bought."""
    ab, ba = orders[:, 0], orders[:, 1]
    how = replace(request.intervals, unit="pairs")
    agreement, bias = consistency(ab, ba, how), position_bias(ab, ba, how)
    return {
        "labels": {name: int((winner == name).sum()) for name in (*map(str, Label), OVER_BUDGET)},
        "consistency": agreement and agreement.as_json(),
        "position_bias": bias and bias.as_json(),
        "abstentions": abstentions(paid),
        "repairs": int((paid["calls"] - len(ORDERS)).sum()),
        "calls": int(paid["calls"].sum()),
        "tokens_in": int(paid["tokens_in"].sum()),
        "tokens_out": int(paid["tokens_out"].sum()),
        "money": round(float(paid["price"].sum()), 6),
    }


def _outlook(request: LabelRequest) -> Outlook:
    """What the ledger, teammates' batches included, leaves to be bought."""
    spec = judge_spec(request.settings.judge, request.rubric)
    with closing(Ledger(request.work.ledger())) as ledger:
        batches.merge(ledger, request.work.shared_ledger())
        pairs = outlook(jobs(spec, request.pairs, ledger), request.settings.budget)
    at_once = spec.judge.concurrency if spec.backend.priced else 1
    return Outlook(pairs, spec.money, at_once, spec.judge.max_tokens)


def _ask_again(settings: params.Label, rubric: Path, work: Work) -> int:
    spec = judge_spec(settings.judge, rubric)
    with closing(Ledger(work.ledger())) as ledger, work.claim(f"judge-{spec.fingerprint}"):
        batches.merge(ledger, work.shared_ledger())
        return ledger.ask_again(spec.fingerprint, ledger.abstained(spec.fingerprint))


def problems(whole: params.Params) -> list[str]:
    """Settings of the judge with which it cannot be asked."""
    return specs.problems(whole.label.judge)


LABELER = Labeler(label, problems, outlook=_outlook, ask_again=_ask_again)
