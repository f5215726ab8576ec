"""A ridge head on embeddings, trained on the data's scores: judges new texts where no rule exists."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

ALPHAS = np.logspace(-2, 4, 13)


@dataclass(frozen=True)
class ScoreHead:
    """A linear quality.

    Attributes:
        weights: shape (d,).
        scale: standard deviation of each dimension in training. Shape (d,).
        alpha: the ridge penalty that generalised best over prompts (leave-one-out).
    """

    weights: np.ndarray
    scale: np.ndarray
    alpha: float

    def quality(self, vectors: np.ndarray) -> np.ndarray:
        """Quality of texts, comparable within a prompt only. (n, d) -> (n,)."""
        return np.asarray((vectors / self.scale) @ self.weights)


def fit(vectors: np.ndarray, scores: np.ndarray, prompts: np.ndarray) -> ScoreHead:
    """Ridge regression of prompt-centred scores on prompt-centred vectors.

    Scores in [0, 1] are heavily skewed where they are probabilities, so they are compared as ranks
    within their prompt (from -1 to 1). Centring within the prompt takes the topic out of both.

    Args:
        vectors: shape (n, d).
        scores: shape (n,).
        prompts: prompt id of each row. Shape (n,).
    """
    from sklearn.linear_model import RidgeCV

    table = pd.DataFrame({"prompt": prompts, "score": scores})
    grouped = table.groupby("prompt")["score"]
    many = grouped.transform("size").to_numpy()
    target = np.where(many > 1, (grouped.rank().to_numpy() - 1) / np.maximum(many - 1, 1) * 2 - 1, 0.0)
    scale = np.maximum(vectors.std(0), 1e-12)
    scaled = vectors / scale
    means = pd.DataFrame(scaled).groupby(prompts).transform("mean").to_numpy()
    model = RidgeCV(alphas=ALPHAS, fit_intercept=False).fit(scaled - means, target)
    return ScoreHead(model.coef_, scale, float(model.alpha_))
