"""Vectors of any texts, for judges that must read texts which no stage embedded."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from realign.config.params import Embed
from realign.models.embedders import EMBEDDERS
from realign.models.embedders.encoder import Encoder, encode


def text_vectors(
    base: Path, settings: Embed, known: Mapping[str, np.ndarray]
) -> Callable[[Sequence[str]], np.ndarray]:
    """A function from texts to vectors, (n,) -> (n, d) float64; texts in `known` are not computed.

    The model is loaded when the first unknown text comes, if ever.
    """

    @cache
    def encoder() -> Encoder:
        return EMBEDDERS[settings.method](base, settings)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        todo = sorted({text for text in texts if text not in known})
        computed: dict[str, np.ndarray] = {}
        if todo:
            for batch in encode(encoder(), todo, settings.tokens_per_batch):
                computed |= {todo[at]: vector for at, vector in batch.items()}
        return np.stack([known[text] if text in known else computed[text] for text in texts]).astype(float)

    return vectors
