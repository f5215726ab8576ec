"""Pairs whose label is known: JSON lines {prompt: text or messages, response_a, response_b, label: a|b|tie}."""

from pathlib import Path

import pandas as pd

from realign.data import lines
from realign.data.raw import BadRow, as_object, messages_of, name_of, text_of
from realign.errors import UserError, listing
from realign.store import ids

COLUMNS = ("pair_id", "prompt_id", "messages", "response_a", "response_b", "text_a", "text_b", "answer")
_ANSWERS = ("a", "b", "tie")
_SWAPPED = {"a": "b", "b": "a", "tie": "tie"}


def read(path: Path) -> pd.DataFrame:
    """Read known pairs, sorted by pair id, each in the order in which labelers see it. Columns: COLUMNS, all text.

    Responses lose the blanks at their ends, as in prepare.

    Raises:
        UserError: the file is missing or empty, a line is not as above, its two responses are the same, or its
            pair is in an earlier line; all such lines are listed.
    """
    if not path.is_file():
        raise UserError(
            f"{path} is not there. It must hold one JSON object a line: {_FIELDS}", code="known_pairs.no_file"
        )
    rows: dict[str, tuple[str, ...]] = {}
    places: dict[str, str] = {}
    problems = []
    for place, raw in lines.from_file(path):
        try:
            row = _pair(raw)
            if row[0] in rows:
                other = " with another label" if row[-1] != rows[row[0]][-1] else ""
                raise BadRow("duplicate_pair", f"the pair of {places[row[0]]}{other}")
        except BadRow as bad:
            problems.append(f"{place}: {bad.reason}: {bad.detail[:200]}")
        else:
            rows[row[0]], places[row[0]] = row, place
    if problems:
        head = f"{path}: {len(problems)} line(s) cannot be used. Each must be {_FIELDS}:"
        raise UserError(listing(head, problems), code="known_pairs.bad_lines")
    return _frame([rows[pair] for pair in sorted(rows)])


def empty() -> pd.DataFrame:
    """No known pairs."""
    return _frame([])


_FIELDS = '{"prompt": text or messages, "response_a": text, "response_b": text, "label": "a", "b" or "tie"}'


def _pair(raw: object) -> tuple[str, ...]:
    if isinstance(raw, BadRow):
        raise raw
    fields = as_object(raw)
    messages = ids.dump_messages(messages_of(fields.get("prompt")))
    prompt = ids.prompt_id(ids.load_messages(name_of(messages, "prompt")))
    answer = fields.get("label")
    if answer not in _ANSWERS:
        raise BadRow("wrong_label", f"'label' must be one of {', '.join(_ANSWERS)}, it is {answer!r}")
    texts = {}
    for key in ("response_a", "response_b"):
        text = name_of(text_of(fields, key), key).strip()
        if not text:
            raise BadRow("blank", f"{key!r} holds no text")
        texts[ids.response_id(prompt, text)] = text
    if len(texts) == 1:
        raise BadRow("same_text", "the two responses are the same")
    given = tuple(texts)
    first, second = ids.shown_order(prompt, *given)
    if first != given[0]:
        answer = _SWAPPED[str(answer)]
    pair = ids.pair_id(prompt, first, second)
    return (pair, prompt, messages, first, second, texts[first], texts[second], str(answer))


def _frame(rows: list[tuple[str, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")
