"""quality_head: a linear reward head on the embeddings, trained on labels that exist. A labeler of last resort."""

import numpy as np
import pandas as pd

from realign.errors import UserError
from realign.evaluation.intervals import rate
from realign.labelers.base import Labeler, LabelRequest, Labels, score_gap
from realign.labelers.human.consensus import aggregate
from realign.models import reward_head
from realign.store.labels import OUTCOMES, P_A, Label


def label(request: LabelRequest) -> Labels:
    """The sign of a cross-fitted reward head's gap (models.reward_head); p_a is its calibrated probability.

    It is trained on all labels there are of the request's pairs (people's votes, judges' labels in the
    folder of `label.quality_head.ledger`, the scores of `label.annotator`, in this order of trust) and on
    `label.known_pairs`. No pair is labeled by a head that saw its prompt. How often it agrees with labels
    that it did not see is among the facts, so one can tell a head that knows little.

    Raises:
        UserError: there are too few labels to learn from.
    """
    pairs, training = request.pairs, _training_pairs(request)
    if len(training) < reward_head.FEWEST:
        raise UserError(
            f"label.labeler: quality_head learns from labels, and there are {len(training)}; it needs "
            f"{reward_head.FEWEST}. Name pairs with known answers in label.known_pairs, let people vote on some, or "
            "name a folder of a judge's labels in label.quality_head.ledger (realign ledger export writes one)",
            code="label.too_few_labels",
        )
    p_a = training["p_a"].to_numpy(dtype=float)
    prompts = training["prompt_id"].to_numpy(dtype=str)
    sides = _vectors(request, training)
    head = reward_head.CrossFitted(*sides, reward_head.target(p_a), prompts)
    gap = head.gap(*_vectors(request, pairs), pairs["prompt_id"].to_numpy(dtype=str))
    winner = np.where(gap > 0, Label.A.value, np.where(gap < 0, Label.B.value, Label.TIE.value)).astype(
        object
    )
    unseen = head.gap(*sides, prompts)
    decided = (p_a != 0.5) & (unseen != 0)
    agrees = np.sign(unseen[decided]) == np.sign(p_a[decided] - 0.5)
    agreement = rate(agrees.astype(float), request.intervals)
    facts = {
        "quality_head": {
            "trained_on": {str(k): int(n) for k, n in training["source"].value_counts().sort_index().items()},
            "agreement_with_unseen_labels": agreement.as_json() if agreement else None,
        }
    }
    return Labels(winner, head.p_a(gap), "quality_head (ridge on embeddings)", None, facts)


def _training_pairs(request: LabelRequest) -> pd.DataFrame:
    """Pairs with a label: prompt_id, text_a, text_b, p_a, source; each pair once, best source first."""
    pairs = request.pairs
    votes = request.votes[request.votes["kind"] == "human"]
    agreed = aggregate(votes, request.settings.people.consensus, request.seed) if len(votes) else votes
    judged = request.labels[(request.labels["kind"] != "human") & request.labels["winner"].isin(OUTCOMES)]
    gap = score_gap(pairs, request.scores, request.settings.annotator)
    of_pairs = {
        "people": agreed.set_index("pair_id")["p_a"].reindex(pairs["pair_id"]).to_numpy(),
        "judges": judged.groupby("pair_id")["p_a"].mean().reindex(pairs["pair_id"]).to_numpy(),
        "scores": np.where(np.isnan(gap), np.nan, (np.sign(gap) + 1) / 2),
    }
    columns = ["pair_id", "prompt_id", "text_a", "text_b"]
    parts = [request.known[columns].assign(p_a=request.known["answer"].map(P_A), source="known pairs")]
    parts += [pairs[columns].assign(p_a=p_a, source=source) for source, p_a in of_pairs.items()]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return rows.dropna(subset=["p_a"]).drop_duplicates("pair_id").sort_values("pair_id")


def _vectors(request: LabelRequest, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of both sides. (n, d), (n, d)."""
    both = request.vectors([*pairs["text_a"], *pairs["text_b"]])
    both = both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-12)
    return both[: len(pairs)], both[len(pairs) :]


LABELER = Labeler(label, learns=True)
