"""margin: the pair with the largest predicted quality gap."""

import numpy as np

from realign.selection.candidates import Candidates

NEEDS = ("labels",)


def margin(pool: Candidates) -> np.ndarray:
    """-|w'(x_i - x_j)|, w by ridge on the labels that exist, cross-fitted (models.reward_head). Shape (P,).

    x is the embedding and, with select.text_features, what can be counted in the text (data.text_features): what makes
    answers better is often in their form, and hundreds of embedding dimensions hide it from a few labels.
    Large external margins make clean labels: Less is More (arXiv 2502.14560), DeltaUCB of
    ActiveUltraFeedback (2603.09692).
    """
    return np.asarray(-np.abs(pool.gap))
