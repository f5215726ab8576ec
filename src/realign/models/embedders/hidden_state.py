"""hidden_state: the paper's embedding, from the base policy itself.

e = sum_t m_t h_t / sum_t m_t (REAL, arXiv 2409.17169), h the last hidden state (after the final norm,
as `hidden_states[-1]` is), m = 1 on the response's own tokens: no prompt, no special tokens.
sentence-transformers does not serve here: it wraps texts of chat models as user messages and adds
special tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from realign.config.params import Embed
from realign.models.chat import inert
from realign.models.embedders.encoder import Encoder, masked_mean
from realign.models.load import load_causal
from realign.store import ids

if TYPE_CHECKING:
    import torch


def hidden_state(base: Path, settings: Embed) -> Encoder:
    """An encoder from the base policy in `base`."""
    model, tokenizer = load_causal(base)

    def tokens(text: str) -> list[int]:
        return list(
            tokenizer(inert(tokenizer, text), add_special_tokens=False)["input_ids"][: settings.max_tokens]
        )

    def forward(padded: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = model.base_model(input_ids=padded, attention_mask=mask, use_cache=False).last_hidden_state
        return masked_mean(hidden, mask)

    return Encoder(
        tokens=tokens,
        forward=forward,
        pad=tokenizer.pad_token_id,
        longest=settings.max_tokens,
        fingerprint=ids.digest("hidden_state", ids.folder_digest(base), str(settings.max_tokens)),
        device=model.device,
    )
