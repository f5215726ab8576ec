"""Parsing what a judge answered: a label, or why there is none; never a guess from prose."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator
from scipy.special import expit

from realign.labelers.llm_judge.prompt import LETTERS, MOST

Word = Literal["first", "second", "tie", "both_bad"]
Form = TypeVar("Form", bound=BaseModel)

CUT, REFUSED, EMPTY, UNREADABLE = "cut", "refused", "empty", "unreadable"
CAUSES = {
    CUT: "cut at max_tokens",
    REFUSED: "refused by the server",
    EMPTY: "empty",
    UNREADABLE: "cannot be read",
}
"""Why an answer holds no label, in words."""

# How models and their servers mark thinking: tags, Mistral's and Kimi's tokens, gpt-oss's channels.
_TAG = r"(?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad)"
_BEGIN = re.compile(
    rf"<\s*{_TAG}\s*>|\[THINK\]|◁think▷|<\|channel\|>\s*(?:analysis|commentary)", re.IGNORECASE
)
_END = re.compile(
    rf"<\s*/\s*{_TAG}\s*>|\[/THINK\]|◁/think▷|<\|channel\|>\s*final\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>",
    re.IGNORECASE,
)
_BARE_CHANNELS = (
    "analysis",
    "assistantfinal",
)  # what is left of gpt-oss's channels without its special tokens
_LEVEL = 1e-9  # a weighted gap this small is a sum of equal scores that did not round alike


class Unreadable(Exception):
    """An answer that holds no label; the message says why, to the judge and to people."""


@dataclass(frozen=True)
class Reply:
    """What an answer to one order says.

    Attributes:
        better: which response is better, by its place.
        p_first: the judge's probability that the first is better.
        rationale: its reason.
    """

    better: Word
    p_first: float
    rationale: str


class _Answer(BaseModel):
    rationale: str = ""

    @field_validator("rationale", mode="before")
    @classmethod
    def _any(cls, value: Any) -> str:
        """Whatever it is: a reason decides nothing."""
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)


class _Overall(_Answer):
    winner: Word
    # A label without a confidence is a hard one, like a person's vote.
    confidence: Annotated[float, Field(ge=0.5, le=1)] | None = None

    @field_validator("winner", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value


class _Scores(_Answer):
    first: dict[str, Annotated[int, Field(ge=0, le=MOST)]]
    second: dict[str, Annotated[int, Field(ge=0, le=MOST)]]


def overall(text: str, cut: bool = False) -> Reply:
    """A label with its confidence.

    Args:
        text: the answer.
        cut: whether the model was stopped at max_tokens.

    Raises:
        Unreadable: there is none.
    """
    answer = _checked(_Overall, text, cut)
    confidence = 1.0 if answer.confidence is None else answer.confidence
    p_first = {"first": confidence, "second": 1 - confidence}.get(answer.winner, 0.5)
    return Reply(answer.winner, p_first, answer.rationale)


def scored(text: str, cut: bool = False, *, weights: Mapping[str, float]) -> Reply:
    """A label by scores: the weighted gap decides, and p = sigmoid(gap).

    Bradley and Terry (1952) with the weighted sum as each response's strength: the weights carry the
    scale, as those that HelpSteer2 fits do.

    Raises:
        Unreadable: a score is missing or out of range.
    """
    answer = _checked(_Scores, text, cut)
    for side, scores in (("first", answer.first), ("second", answer.second)):
        if set(scores) != set(weights):
            raise Unreadable(f"{side} must hold exactly these attributes: {', '.join(sorted(weights))}")
    gap = math.fsum(w * (answer.first[name] - answer.second[name]) for name, w in weights.items())
    if abs(gap) < _LEVEL:
        return Reply("tie", 0.5, answer.rationale)
    return Reply("first" if gap > 0 else "second", float(expit(gap)), answer.rationale)


def letters(text: str, cut: bool = False) -> Reply:
    """A label by the log-probabilities of the letters, as backends/local.py writes them: {"A": -0.2, ...}.

    p = P(first) + (P(tie) + P(both bad)) / 2, among the letters alone.

    Raises:
        Unreadable: the text says why the model was not asked.
    """
    try:
        log_p = {LETTERS[letter]: float(value) for letter, value in json.loads(text).items()}
    except ValueError:
        raise Unreadable(text) from None
    top = max(log_p.values())
    p = {word: math.exp(value - top) for word, value in log_p.items()}
    total = math.fsum(p.values())
    likeliest: Any = max(log_p, key=lambda word: log_p[word])
    return Reply(likeliest, (p["first"] + (p["tie"] + p["both_bad"]) / 2) / total, "")


def _checked(form: type[Form], text: str, cut: bool) -> Form:
    try:
        return form.model_validate(_content(text, set(form.model_fields) - {"rationale", "confidence"}, cut))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()[:3])
        raise Unreadable(wrong) from None


def _content(text: str, keys: set[str], cut: bool) -> dict[str, Any]:
    """The one JSON object of an answer: all of it, or the only such object in the text after the thinking.

    A text that was cut may end in the middle of a draft: there only an object that is all of it counts.
    """
    if (whole := _object(text)) is not None:
        return whole
    spoken = _spoken(text)
    if (whole := _object(spoken)) is not None:
        return whole
    inside = [] if cut else [value for value in _objects(spoken) if keys <= value.keys()]
    if inside and all(value == inside[0] for value in inside):
        return inside[0]
    raise Unreadable("it holds several verdicts" if inside else "it is not one complete JSON object")


def _spoken(text: str) -> str:
    """What comes after the last end of thinking, up to thinking that has no end."""
    thinking, final = _BARE_CHANNELS
    if text.lstrip().startswith(thinking):
        _, ended, text = text.rpartition(final)
        if not ended:
            raise Unreadable("its thinking has no end")
    start = max((end.end() for end in _END.finditer(text)), default=0)
    begin = _BEGIN.search(text, start)
    if begin and not text[start : begin.start()].strip():
        raise Unreadable("its thinking has no end")
    return text[start : begin.start() if begin else None]


def _distinct(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(fields)) < len(fields):
        raise ValueError("a key stands there twice")
    return dict(fields)


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct)


def _object(text: str) -> dict[str, Any] | None:
    """The text as one JSON object; None if it is none."""
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _objects(text: str) -> list[dict[str, Any]]:
    objects, at = [], text.find("{")
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            break  # deeper than any label
        except ValueError:
            end = at + 1
        else:
            objects.append(value)
        at = text.find("{", end)
    return objects
