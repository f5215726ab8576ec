"""embed: one vector a response."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from realign.config.params import Embed
from realign.models.embedders import EMBEDDERS
from realign.models.embedders.encoder import vectors
from realign.store import schemas
from realign.store.work import Work


@dataclass(frozen=True)
class Inputs:
    responses: pd.DataFrame
    base: Path


@dataclass(frozen=True)
class Settings:
    embed: Embed


@dataclass(frozen=True)
class Outputs:
    embeddings: pd.DataFrame


def run(inputs: Inputs, settings: Settings, work: Work) -> Outputs:
    """Embed each distinct text once; texts that an earlier run embedded are not embedded again."""
    embed, responses = settings.embed, inputs.responses
    encoder = EMBEDDERS[embed.method](inputs.base, embed)
    rows = vectors(
        responses["text"].tolist(), encoder.fingerprint, lambda: encoder, embed.tokens_per_batch, work
    )
    frame = pd.DataFrame({"response_id": responses["response_id"], "vector": rows})
    return Outputs(frame[schemas.EMBEDDINGS.names])
