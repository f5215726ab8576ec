"""Raw data shapes: each reader turns one raw row into a conversation with its responses."""

from __future__ import annotations

from collections.abc import Callable

from realign.data.sources import hh, multi, shp
from realign.data.sources.raw import RawRow

SHAPES: dict[str, Callable[[object], RawRow]] = {
    "builtin": multi.read,
    "multi": multi.read,
    "prompts": multi.read_prompt,
    "hh": hh.read,
    "shp": shp.read,
}

# Two rows of one prompt can be joined where scores are on one scale; in HH-RLHF a row's human
# compared only this row's two responses.
JOINABLE = frozenset({"builtin", "multi", "prompts", "shp"})
