"""What can be counted in a text without understanding it."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from realign.data.text import REFUSAL, words

_SENTENCE = re.compile(r"[.!?؟।](?=\s|$)|[。！？｡]")
_ITEM = re.compile(r"^[ \t　]*(?:(?:[-*•]|\d+[.)])\s+|[・●]|\d+[．、）])", re.MULTILINE)
_HEDGE = re.compile(
    r"\b(?:perhaps|maybe|might|could be|possibly|probably|likely|seems?|appears?|i think|i believe|i guess|"
    r"not sure|in my opinion|it depends)\b",
    re.IGNORECASE,
)
_ENDS = tuple(".!?`\"'”)。！？｡」』）؟।")


def _count(marks: str) -> Callable[[str], float]:
    return lambda text: sum(map(text.count, marks))


def _per_word(text: str, count: Callable[[list[str]], int]) -> float:
    tokens = words(text)
    return count(tokens) / len(tokens) if tokens else 0.0


def _readability(text: str) -> float:
    """Automated Readability Index (Senter and Smith 1967): the school year that can read it."""
    tokens = words(text)
    if not tokens:
        return 0.0
    sentences = max(1, len(_SENTENCE.findall(text)))
    return 4.71 * sum(map(len, tokens)) / len(tokens) + 0.5 * len(tokens) / sentences - 21.43


TEXT_FEATURES: Mapping[str, Callable[[str], float]] = {
    "sentences": lambda text: len(_SENTENCE.findall(text)),
    "paragraphs": lambda text: text.count("\n\n"),
    "list items": lambda text: len(_ITEM.findall(text)),
    "commas": _count(",，、،"),
    "colons": _count(":："),
    "exclamation marks": _count("!！"),
    "digits": lambda text: sum(map(str.isdigit, text)),
    "ends a sentence": lambda text: float(text.rstrip().endswith(_ENDS)),
    "opens as a refusal": lambda text: float(bool(REFUSAL.match(text))),
    "hedges": lambda text: len(_HEDGE.findall(text)),
    "says I": lambda text: sum(word in ("i", "me", "my") for word in words(text)),
    "says you": lambda text: sum(word in ("you", "your") for word in words(text)),
    "distinct words": lambda text: _per_word(text, lambda tokens: len(set(tokens))),
    "letters a word": lambda text: _per_word(text, lambda tokens: sum(map(len, tokens))),
    "reading level": _readability,
}
"""Each gives a text a number, larger for more of the property. Length, in tokens, is a feature elsewhere."""


def text_features(texts: Iterable[str]) -> np.ndarray:
    """sign(x) ln(1 + |x|) of every feature x, because counts have long tails. Shape (n, len(TEXT_FEATURES))."""
    return np.array([_logs(text) for text in texts], dtype=float).reshape(-1, len(TEXT_FEATURES))


@functools.cache
def _logs(text: str) -> tuple[float, ...]:
    values = np.array([feature(text) for feature in TEXT_FEATURES.values()], dtype=float)
    return tuple(np.sign(values) * np.log1p(np.abs(values)))
