"""Embeddings of the data's responses, found by content: the second replay of a file computes none."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from realign.config.params import Embed, Model, Params
from realign.errors import UserError
from realign.models.embedders import EMBEDDERS
from realign.models.embedders.encoder import vectors
from realign.models.embedders.packaged import PACKAGES, packaged
from realign.models.load import pinned
from realign.store import ids
from realign.store.artifacts import ARTIFACTS
from realign.store.work import Work

LONGEST = 512  # tokens; a sentence encoder's own limit is often lower and holds then


@dataclass(frozen=True)
class Source:
    """An encoder that is not loaded yet.

    Attributes:
        name: for people.
        embed: as params.yaml would say it.
        base: the policy's folder, for hidden_state.
        fingerprint: names everything a vector depends on.
    """

    name: str
    embed: Embed
    base: Path
    fingerprint: str


def source(root: Path, params: Params, encoder: str | None) -> Source:
    """What --encoder means.

    Args:
        root: the project.
        params: its parameters.
        encoder: a packaged encoder's name, hidden_state, the folder of a sentence encoder, or None for
            what the pipeline uses.

    Raises:
        UserError: it is not there.
    """
    base = root / ARTIFACTS["base"].path
    embed = params.embed
    if encoder == "hidden_state":
        embed = embed.model_copy(update={"method": "hidden_state"})
    elif encoder is not None:
        folder = packaged(encoder) if encoder in PACKAGES else Path(encoder)
        if not folder.is_dir():
            raise UserError(
                f"--encoder {encoder!r} is no folder; give a sentence encoder's folder, hidden_state, or one of "
                f"{', '.join(PACKAGES)}",
                code="replay.encoder_unknown",
            )
        model = Model(name=str(folder), revision=ids.folder_digest(folder))
        update = {"method": "sentence_transformer", "model": model, "max_tokens": LONGEST}
        embed = embed.model_copy(update=update)
    if embed.method == "hidden_state" and not base.is_dir():
        raise UserError(
            "the base policy's hidden states need the base policy. Run first: realign run --until base, or give "
            f"--encoder: a sentence encoder's folder or one of {', '.join(PACKAGES)}",
            code="project.not_run",
        )
    folder = base if embed.method == "hidden_state" else pinned(embed.model, "embed.model")
    name = encoder if encoder in PACKAGES else embed.method if embed.method == "hidden_state" else folder.name
    content = ids.folder_digest(folder)
    return Source(str(name), embed, base, ids.digest("replay", embed.method, content, str(embed.max_tokens)))


def embeddings(responses: pd.DataFrame, origin: Source, work: Work) -> pd.DataFrame:
    """The embeddings table of these responses; the encoder is loaded only for texts not seen before.

    A response without direction (no token, or numbers that are not finite) has no row.
    """
    embedded = vectors(
        responses["text"].tolist(),
        origin.fingerprint,
        lambda: EMBEDDERS[origin.embed.method](origin.base, origin.embed),
        origin.embed.tokens_per_batch,
        work,
    )
    frame = pd.DataFrame({"response_id": responses["response_id"], "vector": embedded})
    return frame[[bool(np.isfinite(vector).all() and vector.any()) for vector in embedded]]
