"""Ids are hashes of content: everything joins on them, never on row order or on text."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

Message = dict[str, str]

_HEX = 20  # 80 bits: a collision among 10 million ids has a chance of about 4e-11
_canonical = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def digest(*parts: str) -> str:
    """The first 20 hex digits of the sha256 of `parts`; no two lists of parts read alike."""
    return hashlib.sha256(_canonical(parts).encode()).hexdigest()[:_HEX]


def prompt_id(messages: Iterable[Message]) -> str:
    """The id of a conversation up to the turn that is to be answered."""
    return digest("prompt", dump_messages(messages))


def response_id(prompt: str, text: str) -> str:
    """The id of one response text to the prompt with id `prompt`."""
    return digest("response", prompt, text)


def pair_id(prompt: str, first: str, second: str) -> str:
    """The id of an unordered pair of response ids under one prompt."""
    return digest("pair", prompt, *sorted((first, second)))


def shown_order(prompt: str, first: str, second: str) -> tuple[str, str]:
    """Which response of a pair is shown first: by a hash, so that no labeler sees an order bias."""
    low, high = sorted((first, second))
    flip = int(digest("order", pair_id(prompt, low, high)), 16) % 2
    return (high, low) if flip else (low, high)


def uniform(*parts: str) -> float:
    """A number in [0, 1) that depends on `parts` alone (52 bits of their digest)."""
    return int(digest(*parts)[:13], 16) / 2**52


def uniforms(count: int, *parts: str) -> np.ndarray:
    """`count` independent numbers in [0, 1) that depend on `parts` alone. Shape (count,)."""
    key = int(digest(*parts), 16) % 2**128
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def arm_seed(run: int, seed: int) -> int:
    """The seed of everything random in an arm, from the run's seed and the arm's. Below 2**31."""
    return int(digest("arm", str(run), str(seed)), 16) % 2**31


def dump_messages(messages: Iterable[Message]) -> str:
    """Messages as canonical JSON: only role and content, in this order."""
    rows = [{"role": m["role"], "content": m["content"]} for m in messages]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def load_messages(text: str) -> list[Message]:
    """The inverse of `dump_messages`."""
    rows: list[Message] = json.loads(text)
    return rows


def file_digest(path: Path) -> str:
    """The sha256 of one file, 20 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:_HEX]


def folder_digest(folder: Path) -> str:
    """The content of a folder as one id: relative names and bytes, no dates, no modes."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return digest(*(f"{p.relative_to(folder).as_posix()}={file_digest(p)}" for p in files))
