"""Directions of responses: what cosine similarity and the heads see of an embedding."""

import numpy as np
import pandas as pd


def directions(embeddings: pd.DataFrame, response_ids: pd.Series) -> np.ndarray:
    """L2-normalised vectors of these responses. Shape (n, d)."""
    stacked = np.stack(embeddings.set_index("response_id")["vector"].reindex(response_ids).tolist())
    vectors = stacked.astype(np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
