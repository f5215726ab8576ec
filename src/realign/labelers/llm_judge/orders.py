"""Both orders of a pair become one verdict: what they agree on, else a tie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from realign.labelers.llm_judge.brief import KIND, Brief
from realign.labelers.llm_judge.replies import Reply, Unreadable, letters, overall, scored
from realign.store.ledger import Answer, Shown, label_id
from realign.store.schemas import LEDGER

ORDERS: tuple[Shown, Shown] = ("ab", "ba")

_DECIMALS = 6
_A_FIRST = {"first": "a", "second": "b"}
_B_FIRST = {"first": "b", "second": "a"}


@dataclass(frozen=True)
class Verdict:
    """What both orders come to.

    Attributes:
        winner: a, b, tie, both_bad or abstain.
        p_a: probability that a is better.
        said: what each order said, '' where it cannot be read.
        rationale: the reasons given.
    """

    winner: str
    p_a: float
    said: tuple[str, str]
    rationale: str

    @property
    def consistent(self) -> bool | None:
        """Whether both orders say the same; None if one says nothing."""
        return self.said[0] == self.said[1] if all(self.said) else None


def read(text: str, brief: Brief) -> Reply:
    """What one answer says.

    Raises:
        Unreadable: it holds no verdict.
    """
    if brief.local:
        return letters(text)
    return scored(text, brief.judge.attributes) if brief.judge.attributes else overall(text)


def combine(text_ab: str, text_ba: str, brief: Brief) -> Verdict:
    """Two answers as one verdict.

    Both orders agree on a winner: it wins with the mean of their probabilities. They say anything that
    differs: a tie with probability 1/2. One cannot be read: the judge abstains.
    """
    replies = [_read(text, brief) for text in (text_ab, text_ba)]
    ab, ba = replies
    said = (
        _A_FIRST.get(ab.said, ab.said) if ab else "",
        _B_FIRST.get(ba.said, ba.said) if ba else "",
    )
    rationale = "\n\n".join(reply.rationale for reply in replies if reply and reply.rationale)
    if ab is None or ba is None:
        return Verdict("abstain", 0.5, said, rationale)
    if said[0] != said[1]:
        return Verdict("tie", 0.5, said, rationale)
    decided = said[0] in ("a", "b")
    p_a = round((ab.p_first + 1 - ba.p_first) / 2, _DECIMALS) if decided else 0.5
    return Verdict(said[0], p_a, said, rationale)


def verdicts(
    prompts: Mapping[str, str], answers: Mapping[tuple[str, str], Answer], brief: Brief
) -> pd.DataFrame:
    """Rows of the verdicts table for the pairs both of whose orders are answered.

    Args:
        prompts: prompt id of each pair id.
        answers: by (pair id, shown).
        brief: the judge that gave them.
    """
    rows = []
    for pair, prompt in prompts.items():
        if any((pair, shown) not in answers for shown in ORDERS):
            continue
        ab, ba = (answers[pair, shown] for shown in ORDERS)
        found = combine(ab.text, ba.text, brief)
        tokens = (ab.tokens_in + ba.tokens_in, ab.tokens_out + ba.tokens_out)
        rows.append(
            {
                "label_id": label_id(pair, brief.fingerprint),
                "pair_id": pair,
                "prompt_id": prompt,
                "fingerprint": brief.fingerprint,
                "kind": KIND,
                "labeler": brief.name,
                "annotator": "",
                "occasion": 0,
                "winner": found.winner,
                "p_a": found.p_a,
                "consistent": found.consistent,
                "answer_ab": ab.text,
                "answer_ba": ba.text,
                "rationale": found.rationale or None,
                "confidence": None,
                "calls": ab.calls + ba.calls,
                "tokens_in": tokens[0],
                "tokens_out": tokens[1],
                "price": brief.money(*tokens),
                "seconds": ab.seconds + ba.seconds,
                "given_at": max(ab.given_at, ba.given_at),
            }
        )
    return pd.DataFrame(rows, columns=LEDGER.names)


def said(texts: Iterable[tuple[str, str]], brief: Brief) -> np.ndarray:
    """What each order said of each pair, '' where it cannot be read. Shape (n, 2)."""
    found = [combine(ab, ba, brief).said for ab, ba in texts]
    return np.array(found, dtype=object).reshape(-1, 2)


def _read(text: str, brief: Brief) -> Reply | None:
    try:
        return read(text, brief)
    except Unreadable:
        return None
