"""Buying the answers that the ledger does not hold: both orders of each pair, within the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from realign.config.params import Budget
from realign.errors import Transient, UserError, listing
from realign.labelers.llm_judge.budget import NOTHING, Cost, holds
from realign.store.ids import Message
from realign.store.ledger import Answer, Shown

Ask = Callable[[str, Shown, list[Message]], Awaitable[Answer]]

_IN_A_ROW = 8  # calls that fail one after another, all their retries included, before no more are made
_REPAIRED = 2  # times its reserve that a pair can cost, each answer being repaired once


class Failed(Exception):
    """A call that got no answer.

    Args:
        why: in words.
        passes: whether it may pass by itself.
    """

    def __init__(self, why: str, passes: bool = True) -> None:
        super().__init__(why)
        self.passes = passes


@dataclass(frozen=True)
class Wanted:
    """A pair to be judged.

    Attributes:
        pair_id: the pair.
        missing: orders that nobody answered yet.
        reserve: what is set aside before it is asked.
        known: what its answers did cost so far.
        chat: what the judge reads, by order.
    """

    pair_id: str
    missing: Sequence[Shown]
    reserve: Cost
    known: Cost
    chat: Callable[[Shown], list[Message]]


@dataclass
class Outcome:
    """How buying ended.

    Attributes:
        failed: why orders have no answer, by (pair id, shown).
        given_up: whether so many calls failed in a row that the rest was not asked.
    """

    failed: dict[tuple[str, str], Failed]
    given_up: bool = False

    def check(self, server: str) -> None:
        """Say what is missing, if anything.

        Raises:
            Transient: calls failed in a way that may pass; the same command goes on.
            UserError: the server refused calls for what they are.
        """
        if not self.failed:
            return
        reasons = sorted({str(error) for error in self.failed.values()})
        counts = [f"{sum(str(e) == why for e in self.failed.values())} x {why}" for why in reasons]
        head = f"{len(self.failed)} calls to {server} got no answer"
        head += ", so the rest was not asked" if self.given_up else ""
        head += ". Every answer that came is in the ledger; "
        if any(error.passes for error in self.failed.values()):
            raise Transient(listing(f"{head}the same command goes on from there:", counts, 5))
        mend = "mend label.judge, or lower prepare.max_chars if they are too long"
        raise UserError(listing(f"{head}{mend}:", counts, 5))


class _Purse:
    """What is spent and what calls under way may still cost."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._spent = NOTHING
        self._open: dict[str, Cost] = {}
        self._changed = asyncio.Event()

    async def pays(self, pair: Wanted) -> bool:
        """Whether the budget still pays for this pair; near the cap it waits for what is under way."""
        while True:
            at_most = sum((cost.times(_REPAIRED) for cost in self._open.values()), self._spent)
            if holds(self._budget, at_most + pair.reserve):
                self._open[pair.pair_id] = pair.reserve
                return True
            if not self._open:
                return False
            self._changed.clear()
            await self._changed.wait()

    def close(self, pair: str, cost: Cost) -> None:
        """A pair is finished, for so much."""
        del self._open[pair]
        self._spent += cost
        self._changed.set()


async def buy(
    wanted: Iterable[Wanted],
    budget: Budget,
    at_once: int,
    ask: Ask,
    keep: Callable[[Answer], Awaitable[None]],
    price: Callable[[Answer], Cost],
) -> Outcome:
    """Ask for what is missing, pair after pair; each answer is kept the moment it is there.

    Args:
        wanted: the pairs in the order in which they are paid for, known ones too: they count.
        budget: at its cap no further pair is asked.
        at_once: calls under way at most.
        ask: gets one answer.
        keep: makes it durable.
        price: what it did cost.

    Returns:
        What failed; everything else is bought.

    Raises:
        UserError: the server refuses every call.
    """
    purse, slots = _Purse(budget), asyncio.Semaphore(at_once)
    outcome = Outcome({})
    in_a_row = 0

    async def order(pair: Wanted, shown: Shown) -> Cost:
        nonlocal in_a_row
        try:
            answer = await ask(pair.pair_id, shown, pair.chat(shown))
            await keep(answer)
        except Failed as error:
            outcome.failed[pair.pair_id, shown] = error
            in_a_row += 1
            return pair.reserve  # it may have been sold, and it will be asked again
        finally:
            slots.release()
        in_a_row = 0
        return price(answer)

    async def finish(pair: Wanted, orders: list[asyncio.Task[Cost]]) -> None:
        purse.close(pair.pair_id, sum(await asyncio.gather(*orders), pair.known))

    try:
        async with asyncio.TaskGroup() as group:
            for pair in wanted:
                if not await purse.pays(pair):
                    break
                orders = []
                for shown in pair.missing:
                    await slots.acquire()
                    orders.append(group.create_task(order(pair, shown)))
                if orders:
                    group.create_task(finish(pair, orders))
                else:
                    purse.close(pair.pair_id, pair.known)
                if in_a_row >= max(_IN_A_ROW, at_once):
                    outcome.given_up = True
                    break
    except* UserError as refusals:
        raise refusals.exceptions[0] from None
    return outcome
