"""Which pair of the project a row from outside is about, and in which order it shows the responses."""

from typing import Any

import pandas as pd

from realign.data.raw import BadRow
from realign.store import ids
from realign.store.ids import Message


def ordered(queue: pd.DataFrame) -> pd.DataFrame:
    """The queue in the order in which people see it: the most valuable pair first."""
    return queue.sort_values(["value", "pair_id"], ascending=[False, True], kind="stable")


class Pairs:
    """The pairs that votes may be about.

    Args:
        queue: rows of the queue table.
    """

    def __init__(self, queue: pd.DataFrame) -> None:
        self._rows: dict[str, Any] = {str(row.pair_id): row for row in queue.itertuples()}

    def find(
        self, pair: str | None, messages: list[Message] | None, texts: tuple[str | None, str | None]
    ) -> tuple[Any, bool]:
        """The queue's row, and whether the texts come in the opposite order.

        Raises:
            BadRow: there is no such pair, or the pair id contradicts the texts.
        """
        if pair is not None and pair not in self._rows:
            raise BadRow("unknown_pair", f"this project's queue has no pair {pair}")
        if texts == (None, None) and pair is not None:
            return self._rows[pair], False
        if messages is None and pair is not None:
            messages = ids.load_messages(self._rows[pair].messages)
        first, second = texts
        if messages is None or first is None or second is None:
            raise BadRow("no_pair", "a row needs a pair_id, or prompt, response_a and response_b")
        match = self._by_content(messages, (first, second)) or self._by_content(
            messages, (first.strip(), second.strip())
        )
        if match is None:
            raise BadRow("unknown_pair", f"this project's queue has no pair with the text {first[:60]!r}")
        if pair not in (None, match[0].pair_id):
            raise BadRow("contradiction", f"pair_id is {pair}, the texts are those of {match[0].pair_id}")
        return match

    def _by_content(self, messages: list[Message], texts: tuple[str, str]) -> tuple[Any, bool] | None:
        prompt = ids.prompt_id(messages)
        first, second = (ids.response_id(prompt, text) for text in texts)
        row = self._rows.get(ids.pair_id(prompt, first, second))
        return None if row is None else (row, first != row.response_a)
