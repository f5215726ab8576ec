"""quality_head: a ridge head on the embeddings, taught by the answers that exist. A labeler of last resort."""

from __future__ import annotations

import numpy as np
import pandas as pd

from realign.errors import UserError
from realign.evaluation.intervals import Resampling, rate
from realign.labelers.base import OUTCOMES, Question, Verdicts, score_gap
from realign.labelers.human.consensus import aggregate
from realign.models import reward_head as pairwise
from realign.store.ledger import Ledger

_RESAMPLES, _CONFIDENCE = 2000, 0.95


def quality_head(question: Question) -> Verdicts:
    """The sign of a cross-fitted head's gap (heads.pairwise); p_a is its calibrated probability.

    It is taught by all answers there are to the question's pairs (people's votes, judges' verdicts in
    the ledger, the scores of `label.annotator`, in this order of trust) and by `label.known_pairs`. No
    pair is labeled by a head that saw its prompt. How often it agrees with the answers it did not see
    is among the facts: a head that knows little says so.

    Raises:
        UserError: there are too few answers to learn from.
    """
    pairs = question.pairs
    labeled_pairs = _lessons(question)
    if len(labeled_pairs) < pairwise.FEWEST:
        raise UserError(
            f"label.labeler: quality_head learns from answers, and there are {len(labeled_pairs)}; it needs "
            f"{pairwise.FEWEST}. Name pairs with known answers in label.known_pairs, let people vote on some, or "
            "use another labeler first"
        )
    taught_a, taught_b = _vectors(question, labeled_pairs)
    prompts = labeled_pairs["prompt_id"].to_numpy(dtype=str)
    head = pairwise.cross_fit(
        taught_a, taught_b, pairwise.target(labeled_pairs["p_a"].to_numpy(dtype=float)), prompts
    )
    a, b = _vectors(question, pairs)
    asked = pairs["prompt_id"].to_numpy(dtype=str)
    gap = head.gap(a, b, asked)
    winner = np.where(gap > 0, "a", np.where(gap < 0, "b", "tie")).astype(object)
    unseen = head.gap(taught_a, taught_b, prompts)
    decided = (labeled_pairs["p_a"] != 0.5).to_numpy() & (unseen != 0)
    right = np.sign(unseen[decided]) == np.sign(labeled_pairs["p_a"].to_numpy()[decided] - 0.5)
    accuracy = rate(right.astype(float), Resampling(_RESAMPLES, _CONFIDENCE, question.seed))
    facts = {
        "quality_head": {
            "taught_by": {
                str(k): int(n) for k, n in labeled_pairs["source"].value_counts().sort_index().items()
            },
            "agreement_with_unseen_answers": accuracy.as_json() if accuracy else None,
        }
    }
    return Verdicts(winner, head.p_a(gap), "quality_head (ridge on embeddings)", None, facts)


def _lessons(question: Question) -> pd.DataFrame:
    """Pairs with an answer: prompt_id, text_a, text_b, p_a, source; each pair once, best source first."""
    pairs = question.pairs
    ledger = Ledger(question.work.ledger())
    judged = ledger.everything()
    ledger.close()
    votes = question.votes[question.votes["kind"] == "human"]
    agreed = aggregate(votes, question.settings.people.consensus, question.seed) if len(votes) else votes
    judged = judged[(judged["kind"] != "human") & judged["winner"].isin(OUTCOMES)]
    of_pair = {
        "people": agreed.set_index("pair_id")["p_a"],
        "judges": judged.groupby("pair_id")["p_a"].mean(),
    }
    columns = ["pair_id", "prompt_id", "text_a", "text_b"]
    known = question.known.assign(p_a=question.known["answer"].map({"a": 1.0, "b": 0.0, "tie": 0.5}))
    found = [known[[*columns, "p_a"]].assign(source="known pairs")]
    for source, p_a in of_pair.items():
        found.append(pairs[columns].assign(p_a=p_a.reindex(pairs["pair_id"]).to_numpy(), source=source))
    gap = score_gap(pairs, question.scores, question.settings.annotator)
    by_score = np.where(np.isnan(gap), np.nan, (np.sign(gap) + 1) / 2)
    found.append(pairs[columns].assign(p_a=by_score, source="scores"))
    rows = pd.concat([part for part in found if len(part)], ignore_index=True)
    return rows.dropna(subset=["p_a"]).drop_duplicates("pair_id").sort_values("pair_id")


def _vectors(question: Question, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of both sides. (n, d), (n, d)."""
    both = question.vectors([*pairs["text_a"], *pairs["text_b"]])
    both = both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-12)
    return both[: len(pairs)], both[len(pairs) :]
