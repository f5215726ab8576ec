"""How many calls are under way at once: fewer while the server says it is too much, more again after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LONGEST_PAUSE = 120.0  # seconds; the openai client does not wait longer either


class Limit:
    """Additive increase, multiplicative decrease (Chiu and Jain 1989) of the calls under way.

    Args:
        most: calls under way at most.
        clock: seconds that never run backwards.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._limit = float(most)
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._shut_until = 0.0
        self._cut_at = 0.0

    @property
    def limit(self) -> int:
        """Calls that may be under way now."""
        return max(1, int(self._limit))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait for a turn; gives the moment at which it came, by the clock."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
        try:
            while (pause := self._shut_until - self._clock()) > 0:
                await asyncio.sleep(pause)
            yield self._clock()
        finally:
            self._under_way -= 1
            async with self._changed:
                self._changed.notify_all()

    def refused(self, began: float, pause: float) -> None:
        """A call that began then was refused as one too many: halve, once for all that were under way.

        Args:
            began: what `turn` gave.
            pause: seconds for which the server wants to be left alone.
        """
        now = self._clock()
        self._shut_until = max(self._shut_until, now + min(pause, _LONGEST_PAUSE))
        if began >= self._cut_at:
            self._limit = max(1.0, self._limit / 2)
            self._cut_at = now

    def accepted(self) -> None:
        """A call was answered: after as many as may be under way, one more may be."""
        self._limit = min(self._most, self._limit + 1 / self._limit)
