"""The noise-free quality of a response to a prompt of the embedded data set.

    quality = brevity * (0.6 * correctness + 0.2 * form + 0.2 * manners)

* ``correctness`` depends on the task (see ``CORRECTNESS``) and is graded wherever an answer can
  be partly right: near misses, hedges, short lists and half-sorted words earn something.
* ``form`` is 0.7 to the power of the number of slips: a lower-case start, no final stop, each
  immediate repetition, each filler word and each stray character.
* ``manners`` is 0 with a rude word; otherwise it is 0.5, and each different courteous word halves
  what is missing to 1.
* ``brevity`` is 1 - (words / 48)^2, and 0 from 48 words on.

Every part counts occurrences rather than shares, so nothing can be diluted: adding words that
carry no answer and no courtesy never raises the score. A response without words scores 0.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

Rule = Mapping[str, object]
Correctness = Callable[[Rule, Sequence[str]], float]

WEIGHTS: Mapping[str, float] = {"correctness": 0.6, "form": 0.2, "manners": 0.2}
SLIP_FACTOR = 0.7
MAX_WORDS = 48
# Text without spaces must not pass for one short word.
CHARACTERS_PER_WORD = 8

NEAR_MISS = 0.4
SYNONYM = 0.5
UNIT_MISSING = 0.8


def _lexicon(words: str) -> frozenset[str]:
    return frozenset(words.split())


RUDE = _lexicon("dumb fool fools hate idiot lazy rubbish shut silly stupid")
COURTEOUS = _lexicon("certainly glad gladly hope kindly please pleasure sorry thank thanks welcome")
FILLERS = _lexicon("actually anyway basically er guess hmm really somehow uh um well whatever")
# "one" is left out: it is far more often a pronoun than a number.
NUMBER_WORDS: Mapping[str, float] = {
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
    "eleven": 11.0,
    "twelve": 12.0,
}

_TOKEN = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[^\W\d_]+(?:'[^\W\d_]+)*")
_STRAY = re.compile(r"[^\w\s.,;:!?'\"()+=-]|[.,;:!?]{2,}")


def quality(rule: Rule, response: str) -> float:
    """The quality of a response alone; see `explain`."""
    return explain(rule, response)["quality"]


def explain(rule: Rule, response: str) -> dict[str, float]:
    """The parts of a response's quality, each in [0, 1], and the ``quality`` they make.

    Raises:
        ValueError: the rule names no known task, or lacks a key of its task.
    """
    task = rule.get("task")
    if not isinstance(task, str) or task not in CORRECTNESS:
        raise ValueError(f"unknown task {task!r} in rule; known tasks: {sorted(CORRECTNESS)}")
    # An endless text is worth nothing, so it is not worth reading either.
    endless = len(response) >= MAX_WORDS * CHARACTERS_PER_WORD
    words = [] if endless else _TOKEN.findall(response.casefold())
    correctness = CORRECTNESS[task](rule, words)
    if not words:
        return dict.fromkeys((*WEIGHTS, "brevity", "quality"), 0.0)
    parts = {
        "correctness": correctness,
        "form": form(response, words),
        "manners": manners(words),
    }
    size = max(len(words), len(response) / CHARACTERS_PER_WORD)
    brevity = max(0.0, 1.0 - (size / MAX_WORDS) ** 2)
    merit = sum(WEIGHTS[name] * value for name, value in parts.items())
    return {**parts, "brevity": brevity, "quality": min(1.0, brevity * merit)}


def form(text: str, words: Sequence[str]) -> float:
    """Well-formedness of a text: ``SLIP_FACTOR`` to the power of its number of slips."""
    first = next((character for character in text if character.isalnum()), "")
    ending = text.rstrip().rstrip("\"')")
    slips = (
        int(first.islower())
        + int(not ending.endswith((".", "!", "?")))
        + _repeats(words)
        + sum(word in FILLERS for word in words)
        + len(_STRAY.findall(text))
    )
    return float(SLIP_FACTOR**slips)


def manners(words: Sequence[str]) -> float:
    """0 for a text with a rude word, 0.5 for a neutral one, towards 1 with courteous words."""
    if not RUDE.isdisjoint(words):
        return 0.0
    courtesies = len(COURTEOUS.intersection(words)) + _says(words, "of course")
    return float(1.0 - 0.5 ** (1 + courtesies))


def _repeats(words: Sequence[str]) -> int:
    """How many words repeat the word before them, or close a repeated pair."""
    singles = sum(a == b for a, b in pairwise(words))
    pairs = list(pairwise(words))
    doubles = sum(a == b and a[0] != a[1] for a, b in zip(pairs, pairs[2:], strict=False))
    return singles + doubles


def _number(rule: Rule, words: Sequence[str]) -> float:
    """Mean credit of the numbers stated, those of the question apart."""
    answer = _get(rule, "answer", float)
    asked = set(_get(rule, "given", list[float])) - {answer}
    scale = max(5.0, abs(answer))
    return _mean_credit(
        1.0 if value == answer else NEAR_MISS * max(0.0, 1.0 - abs(value - answer) / scale)
        for value in _numbers_in(words) - asked
    )


def _measure(rule: Rule, words: Sequence[str]) -> float:
    """As for a number; without the unit it is worth a little less."""
    unit = _stem(_get(rule, "unit", str))
    named = any(_stem(word) == unit for word in words)
    return _number(rule, words) * (1.0 if named else UNIT_MISSING)


def _word(rule: Rule, words: Sequence[str]) -> float:
    """Mean credit of the candidate words stated: the answer, its near kin and its rivals."""
    answer = _get(rule, "answer", str).casefold()
    credit = dict.fromkeys(_get_texts(rule, "rivals"), 0.0)
    credit |= dict.fromkeys(_get_texts(rule, "near"), SYNONYM)
    credit[answer] = 1.0
    return _mean_credit(credit[word] for word in set(words) & credit.keys())


def _list(rule: Rule, words: Sequence[str]) -> float:
    """Share of the wanted number of valid items; wrong and surplus items dilute it."""
    count = _get(rule, "count", float)
    if count < 1:
        raise ValueError(f"rule key 'count' must be at least 1, not {count:g}")
    said = {_stem(word) for word in words}
    valid = said & {_stem(item) for item in _get_texts(rule, "valid")}
    wrong = said & {_stem(item) for item in _get_texts(rule, "rivals")} - valid
    return min(len(valid), count) / max(len(valid) + len(wrong), count)


def _order(rule: Rule, words: Sequence[str]) -> float:
    """Share of the word pairs that stand in the right order; a missing word loses its pairs."""
    answer = _get_texts(rule, "answer")
    if len(answer) < 2:
        raise ValueError("rule key 'answer' must hold at least two words to put in order")
    # The last mention counts, since an answer may restate the question before it sorts.
    place = {word: index for index, word in enumerate(words)}
    pairs = [(a, b) for i, a in enumerate(answer) for b in answer[i + 1 :]]
    return sum(a in place and b in place and place[a] < place[b] for a, b in pairs) / len(pairs)


def _cycle(rule: Rule, words: Sequence[str]) -> float:
    """Mean credit of the days or months stated, those of the question apart."""
    cycle = _get_texts(rule, "cycle")
    answer = _get(rule, "answer", str).casefold()
    if answer not in cycle:
        raise ValueError(f"rule key 'answer' ({answer!r}) must be one of its 'cycle'")
    asked = set(_get_texts(rule, "given")) - {answer}
    home, length = cycle.index(answer), len(cycle)
    steps = [abs(cycle.index(word) - home) for word in set(words) & set(cycle) - asked]
    return _mean_credit(
        1.0 if step == 0 else NEAR_MISS * (1.0 - min(step, length - step) / (length // 2)) for step in steps
    )


def _phrase(rule: Rule, words: Sequence[str]) -> float:
    """Share of the things to be said that are said, each in one of its accepted wordings."""
    groups = _get(rule, "groups", list[list[str]])
    if not groups:
        raise ValueError("rule key 'groups' must not be empty")
    return sum(any(_says(words, text.casefold()) for text in group) for group in groups) / len(groups)


CORRECTNESS: dict[str, Correctness] = {
    "arithmetic": _number,
    "measure": _measure,
    "opposite": _word,
    "plural": _word,
    "list": _list,
    "order": _order,
    "calendar": _cycle,
    "courtesy": _phrase,
}


def _mean_credit(credits: Iterable[float]) -> float:
    """Mean over distinct claims, so that a hedge earns less than a plain right answer."""
    # Sorted, because the order of a set, and so the rounding of its sum, varies between runs.
    claims = sorted(credits)
    return sum(claims) / len(claims) if claims else 0.0


def _numbers_in(words: Sequence[str]) -> set[float]:
    digits = {float(word.replace(",", "")) for word in words if word[0] in "0123456789"}
    return digits | {NUMBER_WORDS[word] for word in words if word in NUMBER_WORDS}


def _says(words: Sequence[str], phrase: str) -> bool:
    return f" {phrase} " in f" {' '.join(words)} "


def _stem(word: str) -> str:
    return word.removesuffix("s")


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _get(rule: Rule, key: str, kind: type[T]) -> T:
    """The value of a rule's key; ``ValueError`` if the rule lacks it or it has another type."""
    if key not in rule:
        raise ValueError(f"rule for task {rule.get('task')!r} lacks the key {key!r}")
    try:
        value: T = _adapter(kind).validate_python(rule[key], strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ValueError(f"rule key {key!r}: {error.errors()[0]['msg']}, not {rule[key]!r}") from None
    return value


def _get_texts(rule: Rule, key: str) -> list[str]:
    return [text.casefold() for text in _get(rule, key, list[str])]
