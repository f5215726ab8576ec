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

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
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


class _Overall(BaseModel):
    rationale: str = ""
    winner: Word
    # A label without a confidence is a hard one, like a person's vote.
    confidence: Annotated[float, Field(ge=0.5, le=1)] = 1.0

    @field_validator("winner", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value


class _Scores(BaseModel):
    rationale: str = ""
    first: dict[str, Annotated[int, Field(ge=0, le=MOST)]]
    second: dict[str, Annotated[int, Field(ge=0, le=MOST)]]


def overall(text: str) -> Reply:
    """A label with its confidence.

    Raises:
        Unreadable: there is none.
    """
    answer = _checked(_Overall, text)
    p_first = {"first": answer.confidence, "second": 1 - answer.confidence}.get(answer.winner, 0.5)
    return Reply(answer.winner, p_first, answer.rationale)


def scored(text: str, weights: Mapping[str, float]) -> Reply:
    """A label by scores: the weighted gap decides, and p = sigmoid(gap).

    Bradley and Terry (1952) with the weighted sum as each response's strength: the weights carry the
    scale, as those that HelpSteer2 fits do.

    Raises:
        Unreadable: a score is missing or out of range.
    """
    answer = _checked(_Scores, text)
    for side, scores in (("first", answer.first), ("second", answer.second)):
        if set(scores) != set(weights):
            raise Unreadable(f"{side} must hold exactly these attributes: {', '.join(sorted(weights))}")
    gap = math.fsum(w * (answer.first[name] - answer.second[name]) for name, w in weights.items())
    if abs(gap) < _LEVEL:
        return Reply("tie", 0.5, answer.rationale)
    return Reply("first" if gap > 0 else "second", float(expit(gap)), answer.rationale)


def letters(text: str) -> Reply:
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


def _checked(form: type[Form], text: str) -> Form:
    try:
        return form.model_validate(_content(text, set(form.model_fields) - {"rationale", "confidence"}))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors()[:3])
        raise Unreadable(wrong) from None


def _content(text: str, keys: set[str]) -> dict[str, Any]:
    """The one JSON object of an answer: all of it, in a fence, or the only such object in the text."""
    answer = _THOUGHT.sub("", text).strip()
    for candidate in (answer, *_FENCED.findall(answer)):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    inside = [value for value in _objects(answer) if keys <= value.keys()]
    if len(inside) == 1:
        return inside[0]
    raise Unreadable("it holds several verdicts" if inside else "it is not one complete JSON object")


def _objects(text: str) -> list[dict[str, Any]]:
    objects, at = [], text.find("{")
    decoder = json.JSONDecoder()
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError:
            break  # deeper than any label
        except ValueError:
            end = at + 1
        else:
            objects.append(value)
        at = text.find("{", end)
    return objects
