"""oracle: the builtin tasks' quality rule, seen through a simulated annotator."""

from __future__ import annotations

import numpy as np

from realign.data.simulation.qualities import qualities
from realign.labelers.base import Question, Verdicts, by_gap, p_by_gap
from realign.store import ids


def oracle(question: Question) -> Verdicts:
    """Bradley and Terry (1952) on the quality gap: close pairs get wrong labels, as people's do.

    The annotator prefers a with probability sigmoid((q_a - q_b) / label.temperature); its choice
    depends on (seed, pair) alone, so the same pair gets the same verdict from every strategy. A gap
    of at most `label.tie_gap` is called a tie.
    """
    a, b = qualities(question.pairs, "text_a"), qualities(question.pairs, "text_b")
    p_a = p_by_gap(a - b, question.settings.temperature)
    draws = np.array(
        [ids.uniform("annotator", str(question.seed), pair) for pair in question.pairs["pair_id"]]
    )
    tied = by_gap(a - b, question.settings.tie_gap) == "tie"
    winner = np.where(tied, "tie", np.where(draws < p_a, "a", "b"))
    return Verdicts(winner, p_a, f"oracle (simulated, temperature {question.settings.temperature:g})")
