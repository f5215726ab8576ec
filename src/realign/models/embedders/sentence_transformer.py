"""sentence_transformer: any sentence encoder, through sentence-transformers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from realign.config.params import Embed
from realign.errors import UserError
from realign.models.chat import inert
from realign.models.embedders.encoder import Encoder
from realign.models.load import device, pinned
from realign.store import ids

if TYPE_CHECKING:
    import torch


def sentence_transformer(base: Path, settings: Embed) -> Encoder:
    """An encoder from the sentence-transformers model that `embed.model` names.

    Raises:
        UserError: the model is not to be had, or is none.
    """
    from sentence_transformers import SentenceTransformer

    folder = pinned(settings.model, "embed.model")
    try:
        model = SentenceTransformer(
            str(folder),
            device=str(device()),
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        ).eval()
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"embed.model: {settings.model.name} is no sentence encoder: {error}", code="model.not_loadable"
        ) from None
    tokenizer = model.tokenizer
    longest = min(settings.max_tokens, model.max_seq_length or settings.max_tokens)

    def tokens(text: str) -> list[int]:
        inert_text = inert(tokenizer, text)
        return list(tokenizer(inert_text, truncation=True, max_length=longest)["input_ids"])

    def forward(padded: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = model({"input_ids": padded, "attention_mask": mask})["sentence_embedding"]
        return vectors

    return Encoder(
        tokens=tokens,
        forward=forward,
        pad=tokenizer.pad_token_id,
        longest=longest,
        fingerprint=ids.digest("sentence_transformer", ids.folder_digest(folder), str(longest)),
        device=device(),
    )
