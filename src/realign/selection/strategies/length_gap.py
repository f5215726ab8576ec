"""length_gap: the pair of the most different lengths, a control."""

import numpy as np

from realign.selection.candidates import Candidates


def length_gap(pool: Candidates) -> np.ndarray:
    """-|ln(n_i / n_j)|. Shape (P,).

    Nothing to train on. Annotators that agree on liking long answers agree on these pairs, so it shows how
    small a label error length alone can buy; a strategy that is not below it has to show less length bias.
    """
    return np.asarray(-np.abs(pool.log_length_ratio))
