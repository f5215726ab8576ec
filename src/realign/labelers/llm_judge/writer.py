"""Answers on their way into the ledger: while the disk confirms some, the next ones arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType

from realign.store.ledger import Answer, Ledger


class Writer:
    """Writes to a ledger from a thread of its own; use it as an asynchronous context.

    Args:
        path: of the ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)  # a connection to SQLite belongs to one thread
        self._pending: list[Answer] = []
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Writer:
        self._here = partial(asyncio.get_running_loop().run_in_executor, self._thread)
        self._ledger = await self._here(Ledger, self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._here(self._ledger.close)
        self._thread.shutdown()

    async def keep(self, answer: Answer) -> None:
        """Returns when the answer is durable; whoever has the turn writes for all who came meanwhile."""
        self._pending.append(answer)
        async with self._turn:
            if answer in self._pending:
                batch, self._pending = self._pending, []
                await self._here(self._put, batch)

    def _put(self, batch: Sequence[Answer]) -> None:
        for answer in batch:
            self._ledger.put_answer(answer)
