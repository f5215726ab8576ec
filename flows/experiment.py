"""Where the equal-budget experiment's pipeline lies, and what DVC knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TEMPLATE, PIPELINE = "compare/pipeline.yaml", "compare/dvc.yaml"


def target(stage: str, item: Sequence[object] = ()) -> str:
    """What DVC calls a stage of the experiment, an arm by its values."""
    return f"{PIPELINE}:{stage}" + (f"@{'-'.join(map(str, item))}" if item else "")


def finished(root: Path) -> list[str]:
    """The stages and arms of params.yaml's experiment that have run; none where nobody made one.

    DVC pulls all or fails, and what never ran cannot be pulled.
    """
    from ruamel.yaml import YAML

    from realign.config import params_file

    lock = (root / PIPELINE).with_suffix(".lock")
    if not lock.is_file():
        return []
    ran = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
    arms = params_file.load(root / params_file.PARAMS_FILE).compare.arms()
    wanted = [target("picks"), target("reference"), *(target("arm", arm) for arm in arms), target("summary")]
    return [name for name in wanted if name.partition(":")[2] in ran]
