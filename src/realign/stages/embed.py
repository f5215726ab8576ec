"""embed: one vector a response."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign.core import ids, schemas
from realign.core.params import Embed
from realign.core.progress import progress
from realign.core.work import Work
from realign.embedders import EMBEDDERS
from realign.embedders.encoder import encode


@dataclass(frozen=True)
class Inputs:
    """What embed reads."""

    responses: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class Settings:
    """What embed is told."""

    embed: Embed


@dataclass(frozen=True)
class Outputs:
    """What embed writes."""

    embeddings: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Embed each distinct text once; texts that any earlier run embedded are found, not computed."""
    encoder = EMBEDDERS[settings.embed.method](inputs.base, settings.embed)
    texts = inputs.responses["text"].drop_duplicates().tolist()
    keys = {text: ids.digest(encoder.fingerprint, text) for text in texts}
    store = work.rows()
    known = store.get(keys.values())
    todo = [text for text in texts if keys[text] not in known]
    bar = progress(len(texts), "embed", "texts", done=len(texts) - len(todo))
    for batch in encode(encoder, todo, settings.embed.tokens_per_batch):
        rows = {keys[todo[at]]: vector.astype("<f4").tobytes() for at, vector in batch.items()}
        store.put(rows)
        known |= rows
        bar.update(len(rows))
    bar.close()
    store.close()
    vectors = [np.frombuffer(known[keys[text]], dtype="<f4") for text in inputs.responses["text"]]
    frame = pd.DataFrame({"response_id": inputs.responses["response_id"], "vector": vectors})
    return Outputs(frame[schemas.EMBEDDINGS.names])
