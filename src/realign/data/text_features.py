"""What can be counted in a text without understanding it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from realign.data.text import REFUSAL

_SENTENCE = re.compile(r"[.!?](?=\s|$)")
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])\s+", re.MULTILINE)
_HEDGE = re.compile(
    r"\b(?:perhaps|maybe|might|could be|possibly|probably|likely|seems?|appears?|i think|i believe|i guess|"
    r"not sure|in my opinion|it depends)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_ENDS = tuple(".!?`\"'”)")


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def _share(text: str, wanted: Callable[[list[str]], int]) -> float:
    found = words(text)
    return wanted(found) / len(found) if found else 0.0


def _readability(text: str) -> float:
    """Automated Readability Index (Senter and Smith 1967): the school year that can read it."""
    found = words(text)
    if not found:
        return 0.0
    sentences = max(1, len(_SENTENCE.findall(text)))
    return 4.71 * sum(map(len, found)) / len(found) + 0.5 * len(found) / sentences - 21.43


TEXT_FEATURES: Mapping[str, Callable[[str], float]] = {
    "sentences": lambda text: len(_SENTENCE.findall(text)),
    "paragraphs": lambda text: text.count("\n\n"),
    "list items": lambda text: len(_ITEM.findall(text)),
    "commas": lambda text: text.count(","),
    "colons": lambda text: text.count(":"),
    "exclamation marks": lambda text: text.count("!"),
    "digits": lambda text: sum(map(str.isdigit, text)),
    "ends a sentence": lambda text: float(text.rstrip().endswith(_ENDS)),
    "opens as a refusal": lambda text: float(bool(REFUSAL.match(text))),
    "hedges": lambda text: len(_HEDGE.findall(text)),
    "says I": lambda text: sum(word in ("i", "me", "my") for word in words(text)),
    "says you": lambda text: sum(word in ("you", "your") for word in words(text)),
    "distinct words": lambda text: _share(text, lambda found: len(set(found))),
    "letters a word": lambda text: _share(text, lambda found: sum(map(len, found))),
    "reading level": _readability,
}
"""A number for a text; more of the property is larger. Length has a place of its own (tokens) and is not here."""


def text_features(texts: Iterable[str]) -> np.ndarray:
    """sign(x) ln(1 + |x|) of every property x: counts have long tails. Shape (n, len(TEXT_FEATURES))."""
    return np.array([_logs(text) for text in texts], dtype=float).reshape(-1, len(TEXT_FEATURES))


@functools.cache
def _logs(text: str) -> tuple[float, ...]:
    found = np.array([count(text) for count in TEXT_FEATURES.values()], dtype=float)
    return tuple(np.sign(found) * np.log1p(np.abs(found)))
