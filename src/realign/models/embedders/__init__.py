"""Embedders: one vector a response text."""

from collections.abc import Callable
from pathlib import Path

from realign.config.params import Embed
from realign.models.embedders.encoder import Encoder
from realign.models.embedders.hidden_state import hidden_state
from realign.models.embedders.sentence_transformer import sentence_transformer

EMBEDDERS: dict[str, Callable[[Path, Embed], Encoder]] = {
    "hidden_state": hidden_state,
    "sentence_transformer": sentence_transformer,
}
