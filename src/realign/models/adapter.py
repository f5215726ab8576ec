"""An adapter's folder: what training leaves there beside the weights, and who may use it again."""

from pathlib import Path
from typing import Any

from realign.errors import UserError
from realign.store.artifacts import read_json

# What the users of an adapter must know of its training, kept with the weights.
RECORD = "training.json"
_PARTS = ("adapter_config.json", "adapter_model.safetensors", RECORD)


def earlier_record(adapter: Path, base: str, key: str) -> dict[str, Any]:
    """The record of an adapter that an earlier run trained, if it was trained on this very base.

    Args:
        adapter: its folder.
        base: the digest of the base's folder.
        key: where the folder stands in params.yaml, for messages.

    Raises:
        UserError: the folder holds no adapter, its record is not whole, or it belongs to another base.
    """
    lacks = [name for name in _PARTS if not (adapter / name).is_file()]
    if lacks:
        raise UserError(
            f"{key}: {adapter} holds no adapter as a run leaves it in models/adapter: it lacks {', '.join(lacks)}",
            code="adapter.incomplete",
        )
    record = read_json(adapter / RECORD)
    unsaid = [
        name for name, kind in (("base", str), ("max_length", int)) if not isinstance(record.get(name), kind)
    ]
    if unsaid:
        raise UserError(
            f"{key}: {adapter / RECORD} does not say the {' and '.join(unsaid)} of the training, so nothing can be "
            "compared with it. Train that adapter once more with this version, or set rewards.reward to base",
            code="adapter.no_record",
        )
    if record["base"] != base:
        raise UserError(
            f"{key}: {adapter} was trained on another base ({record['base']}) than this run's ({base}), so its "
            "log-ratio to this base means nothing. Name an adapter of this base, or set rewards.reward to base",
            code="adapter.other_base",
        )
    return record
