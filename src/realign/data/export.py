"""Preferences and generations in the formats that the field's tools read."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from realign.errors import UserError
from realign.store.artifacts import ARTIFACTS, read_table, write_text
from realign.store.ids import load_messages


def write(root: Path, format_: str, path: Path) -> int:
    """Write an export.

    Args:
        root: the project.
        format_: trl, jsonl or alpaca-eval.
        path: a file that does not exist yet.

    Returns:
        Number of rows written.

    Raises:
        UserError: the format is unknown, the file exists, or no run has come that far.
    """
    if format_ not in FORMATS:
        raise UserError(
            f"--to {format_!r} is unknown; there are {', '.join(FORMATS)}", code="export.unknown_format"
        )
    if path.exists():
        raise UserError(f"{path} exists already. Name another file, or remove it", code="export.file_exists")
    rows = list(FORMATS[format_](root))
    if format_ == "alpaca-eval":
        write_text(path, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    else:
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return len(rows)


def _table(root: Path, name: str) -> pd.DataFrame:
    artifact = ARTIFACTS[name]
    assert artifact.table is not None
    return read_table(root / artifact.path, artifact.table)


def _trl(root: Path) -> Iterator[dict[str, Any]]:
    """TRL's conversational preference format with an explicit prompt, one row a line."""
    for row in _table(root, "preferences").itertuples():
        yield {
            "prompt": load_messages(str(row.messages)),
            "chosen": [{"role": "assistant", "content": row.chosen}],
            "rejected": [{"role": "assistant", "content": row.rejected}],
        }


def _jsonl(root: Path) -> Iterator[dict[str, Any]]:
    """Every column of the preferences table, messages as a list."""
    for row in _table(root, "preferences").to_dict("records"):
        yield {str(key): value for key, value in row.items()} | {"messages": load_messages(row["messages"])}


def _alpaca_eval(root: Path) -> Iterator[dict[str, Any]]:
    """AlpacaEval's model outputs: the aligned policy's first answer to each held-out prompt."""
    answers = _table(root, "judgements")
    rows = answers[answers["sample"] == 0].merge(_table(root, "prompts"), on="prompt_id")
    for row in rows.itertuples():
        turns = load_messages(str(row.messages))
        whole = (
            turns[0]["content"]
            if len(turns) == 1
            else "\n\n".join(f"{m['role']}: {m['content']}" for m in turns)
        )
        yield {
            "instruction": whole,
            "output": row.policy_text,
            "generator": "realign",
            "dataset": "held-out",
        }


FORMATS: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    "trl": _trl,
    "jsonl": _jsonl,
    "alpaca-eval": _alpaca_eval,
}
