"""What a set of labels may cost: the pairs that fit, in an order that favors none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from realign.config.params import Budget
from realign.labelers.llm_judge.spec import JudgeSpec
from realign.store import ids

CHARACTERS_A_TOKEN = 3  # fewer than in English prose, so that the reserve is too large rather than too small
_SLACK = 1 + 1e-9  # sums of prices may miss the cap by their last bits
_REPAIRED = 2  # times its reserve that a pair can cost, each answer being repaired once


@dataclass(frozen=True)
class Cost:
    """Calls and money."""

    calls: int
    money: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.money + other.money)

    def times(self, factor: int) -> Cost:
        """So many times as much."""
        return Cost(self.calls * factor, self.money * factor)


NOTHING = Cost(0, 0.0)


def holds(budget: Budget, cost: Cost) -> bool:
    """Whether the budget allows the cost."""
    calls, money = budget.calls, budget.money
    return (calls is None or cost.calls <= calls) and (money is None or cost.money <= money * _SLACK)


def in_order(pairs: Iterable[str]) -> list[str]:
    """Pairs in the order in which they are paid for: by hash, so that a part is a fair sample of all."""
    return sorted(pairs, key=lambda pair: (ids.digest("budget", pair), pair))


def reserve(spec: JudgeSpec, characters: int) -> Cost:
    """What is set aside for a pair before it is asked: both orders, answers as long as they may be.

    It depends on the pair and the settings alone, never on what is known, so that the same pairs are
    within the budget for whoever asks and however often the run was stopped.

    Args:
        spec: the judge.
        characters: of one prompt.
    """
    return Cost(2, spec.money(characters // CHARACTERS_A_TOKEN, spec.judge.max_tokens) * 2)


def within(
    order: Iterable[str], reserves: Mapping[str, Cost], known: Mapping[str, Cost], budget: Budget
) -> list[str]:
    """The pairs that the budget pays for: up to the first whose reserve no longer fits.

    Args:
        order: pairs in the order in which they are paid for.
        reserves: what is set aside for each.
        known: the cost of those that are labeled.
        budget: the caps.
    """
    spent, paid = NOTHING, []
    for pair in order:
        if not holds(budget, spent + reserves[pair]):
            break
        spent += known.get(pair, reserves[pair])
        paid.append(pair)
    return paid


class Spending:
    """What is spent, and what calls under way may still cost."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spent = NOTHING
        self._open: dict[str, tuple[Cost, int]] = {}  # reserve, and orders without an answer
        self._changed = asyncio.Event()

    def fits(self, reserve: Cost) -> bool:
        """Whether the budget certainly pays for one more pair, whatever those under way come to."""
        at_most = sum((cost.times(_REPAIRED) for cost, _ in self._open.values()), self._spent)
        return holds(self._budget, at_most + reserve)

    async def pays(self, pair: str, reserve: Cost, known: Cost, orders: int) -> bool:
        """Whether the budget still pays for this pair; near the cap it waits for what is under way.

        Args:
            pair: the pair.
            reserve: what is set aside for it.
            known: what its answers cost so far.
            orders: how many are still to be asked.
        """
        while not self.fits(reserve):
            if not self._open:
                return False
            self._changed.clear()
            await self._changed.wait()
        self._spent += known
        if orders:
            self._open[pair] = (reserve, orders)
        return True

    def paid(self, pair: str, cost: Cost) -> None:
        """One order of a pair under way is answered, at this cost."""
        reserve, orders = self._open.pop(pair)
        self._spent += cost
        if orders > 1:
            self._open[pair] = (reserve, orders - 1)
        self._changed.set()
