"""oracle: the builtin tasks' quality rule, seen through a simulated annotator."""

import numpy as np

from realign.data.simulation.qualities import qualities
from realign.labelers.base import Labeler, LabelRequest, Labels, by_gap, p_by_gap
from realign.store import ids
from realign.store.labels import Label


def label(request: LabelRequest) -> Labels:
    """Bradley and Terry (1952) on the quality gap: close pairs get wrong labels, as people's do.

    The annotator prefers a with probability sigmoid((q_a - q_b) / label.temperature); its choice
    depends on (seed, pair) alone, so the same pair gets the same label from every strategy. A gap
    of at most `label.tie_gap` is called a tie.
    """
    a, b = qualities(request.pairs, "text_a"), qualities(request.pairs, "text_b")
    p_a = p_by_gap(a - b, request.settings.temperature)
    draws = np.array([ids.uniform("annotator", str(request.seed), pair) for pair in request.pairs["pair_id"]])
    tied = by_gap(a - b, request.settings.tie_gap) == Label.TIE
    winner = np.where(tied, Label.TIE.value, np.where(draws < p_a, Label.A.value, Label.B.value))
    return Labels(winner, p_a, f"oracle (simulated, temperature {request.settings.temperature:g})")


LABELER = Labeler(label, simulated=True, labels_outside=False)
