"""Pairs before a judge: what it reads of each, what is known, and what the budget pays for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from realign.config.params import Budget, Label
from realign.labelers.llm_judge.brief import Brief, brief
from realign.labelers.llm_judge.budget import NOTHING, Cost, in_order, reserve, within
from realign.labelers.llm_judge.orders import ORDERS
from realign.labelers.llm_judge.prompt import json_question, letter_question, render
from realign.store import ids
from realign.store.ids import Message
from realign.store.ledger import Ledger, Shown


@dataclass(frozen=True)
class Docket:
    """Pairs that one judge is to judge.

    Attributes:
        brief: the judge.
        budget: what they may cost.
        prompts: prompt id of each pair, in the order in which pairs are paid for.
        material: JSON of the conversation, text a and text b of each pair.
    """

    brief: Brief
    budget: Budget
    prompts: Mapping[str, str]
    material: Mapping[str, tuple[str, str, str]]

    def chat(self, pair: str, shown: Shown) -> list[Message]:
        """What the judge reads of a pair when it is shown in this order."""
        judge = self.brief.judge
        question = letter_question() if self.brief.local else json_question(judge.attributes)
        messages, a, b = self.material[pair]
        first, second = (a, b) if shown == "ab" else (b, a)
        return render(self.brief.rubric, question, ids.load_messages(messages), first, second)

    @cached_property
    def characters(self) -> dict[str, int]:
        """How much the judge reads of each pair in one order; the other order is as long."""
        return {pair: sum(len(turn["content"]) for turn in self.chat(pair, "ab")) for pair in self.prompts}


@dataclass(frozen=True)
class Known:
    """What the ledger holds of a docket.

    Attributes:
        calls: of each pair that was asked, in one order or both.
        tokens_in: read in those calls.
        tokens_out: written in those calls.
        money: paid for them.
        missing: the orders of each pair that nobody answered yet.
    """

    calls: Mapping[str, int]
    tokens_in: Mapping[str, int]
    tokens_out: Mapping[str, int]
    money: Mapping[str, float]
    missing: Mapping[str, tuple[Shown, ...]]

    def cost(self, pair: str) -> Cost:
        """What a pair did cost so far."""
        return Cost(self.calls[pair], self.money[pair]) if pair in self.calls else NOTHING

    def judged(self) -> dict[str, Cost]:
        """What each pair did cost that is answered in both orders."""
        return {pair: self.cost(pair) for pair in self.calls if not self.missing[pair]}


def docket(pairs: pd.DataFrame, settings: Label) -> Docket:
    """Put pairs before the judge that the settings name.

    Args:
        pairs: columns pair_id, prompt_id, messages, text_a, text_b; each pair once.
        settings: the label section.

    Raises:
        UserError: the judge cannot be asked.
    """
    rows = pairs.set_index("pair_id").reindex(in_order(pairs["pair_id"]))
    material = zip(rows["messages"], rows["text_a"], rows["text_b"], strict=True)
    return Docket(
        brief(settings.judge),
        settings.budget,
        dict(zip(rows.index, rows["prompt_id"], strict=True)),
        dict(zip(rows.index, material, strict=True)),
    )


def known(cases: Docket, ledger: Ledger) -> Known:
    """What the ledger holds: verdicts, and answers that did not become verdicts yet."""
    judge = cases.brief
    verdicts = ledger.verdicts(judge.fingerprint, cases.prompts).set_index("pair_id")
    figures: list[dict[Any, Any]] = [
        verdicts[name].to_dict() for name in ("calls", "tokens_in", "tokens_out", "price")
    ]
    calls, tokens_in, tokens_out, money = figures
    missing: dict[str, tuple[Shown, ...]] = dict.fromkeys(verdicts.index, ())
    answers = ledger.answers(judge.fingerprint, [pair for pair in cases.prompts if pair not in missing])
    for pair in cases.prompts:
        if pair in missing:
            continue
        there = [answers[pair, shown] for shown in ORDERS if (pair, shown) in answers]
        missing[pair] = tuple(shown for shown in ORDERS if (pair, shown) not in answers)
        if there:
            calls[pair] = sum(answer.calls for answer in there)
            tokens_in[pair] = sum(answer.tokens_in for answer in there)
            tokens_out[pair] = sum(answer.tokens_out for answer in there)
            money[pair] = judge.money(tokens_in[pair], tokens_out[pair])
    return Known(calls, tokens_in, tokens_out, money, missing)


def paid_for(cases: Docket, so_far: Known) -> list[str]:
    """The pairs that the budget pays for, in the order in which they are paid for."""
    reserves = {pair: reserve(cases.brief, length) for pair, length in cases.characters.items()}
    return within(cases.prompts, reserves, so_far.judged(), cases.budget)


def outlook(pairs: pd.DataFrame, settings: Label, ledger: Ledger) -> pd.DataFrame:
    """What judging these pairs takes, if no answer needs a repair; nothing is asked.

    Args:
        pairs: columns pair_id, prompt_id, messages, text_a, text_b; each pair once.
        settings: the label section.
        ledger: holds what was said.

    Returns:
        A row a pair, in the order in which they are paid for: pair_id, within (the budget pays for it),
        calls (to be made: 2, 1 or 0), characters (of the prompt of one call), and what is known already:
        known_calls, known_tokens_in, known_tokens_out, known_money.
    """
    cases = docket(pairs, settings)
    so_far = known(cases, ledger)
    chosen = set(paid_for(cases, so_far))
    lengths = cases.characters
    rows = [
        {
            "pair_id": pair,
            "within": pair in chosen,
            "calls": len(so_far.missing[pair]) if pair in chosen else 0,
            "characters": lengths[pair],
            "known_calls": so_far.calls.get(pair, 0),
            "known_tokens_in": so_far.tokens_in.get(pair, 0),
            "known_tokens_out": so_far.tokens_out.get(pair, 0),
            "known_money": so_far.money.get(pair, 0.0),
        }
        for pair in cases.prompts
    ]
    columns = ["pair_id", "within", "calls", "characters"]
    columns += [f"known_{name}" for name in ("calls", "tokens_in", "tokens_out", "money")]
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Rates:
    """What a judge's calls were like so far.

    Attributes:
        tokens_a_character: tokens read for a character of its prompts.
        tokens_out: mean tokens of an answer.
    """

    tokens_a_character: float
    tokens_out: float


def rates(seen: pd.DataFrame) -> Rates | None:
    """Learn from the pairs of an outlook that are known without a repair; None if there is none."""
    plain = seen[(seen["known_calls"] == len(ORDERS) - seen["calls"]) & (seen["known_calls"] > 0)]
    plain = plain[plain["known_tokens_in"] > 0]
    if plain.empty:
        return None
    characters = np.sum(plain["characters"] * plain["known_calls"])
    return Rates(
        float(plain["known_tokens_in"].sum() / characters),
        float(plain["known_tokens_out"].sum() / plain["known_calls"].sum()),
    )
