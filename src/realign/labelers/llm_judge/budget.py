"""What a set of labels may cost: the pairs that fit, in an order that favours none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from realign.config.params import Budget
from realign.labelers.llm_judge.brief import Brief
from realign.store import ids

_CHARACTERS_A_TOKEN = 3  # fewer than in English prose, so that the reserve rather holds too much
_SLACK = 1 + 1e-9  # sums of prices may miss the cap by their last bits


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


def reserve(brief: Brief, characters: int) -> Cost:
    """What is set aside for a pair before it is asked: both orders, answers as long as they may be.

    It depends on the pair and the settings alone, never on what is known, so that the same pairs are
    within the budget for whoever asks and however often the run was stopped.

    Args:
        brief: the judge.
        characters: of one prompt.
    """
    return Cost(2, brief.money(characters // _CHARACTERS_A_TOKEN, brief.judge.max_tokens) * 2)


def within(
    order: Iterable[str], reserves: Mapping[str, Cost], known: Mapping[str, Cost], budget: Budget
) -> list[str]:
    """The pairs that the budget pays for: up to the first whose reserve no longer fits.

    Args:
        order: pairs in the order in which they are paid for.
        reserves: what is set aside for each.
        known: what those that were judged did cost.
        budget: the caps.
    """
    spent, found = NOTHING, []
    for pair in order:
        if not holds(budget, spent + reserves[pair]):
            break
        spent += known.get(pair, reserves[pair])
        found.append(pair)
    return found
