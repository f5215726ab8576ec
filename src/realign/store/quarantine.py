"""What a stage sets aside, and its account: rows in = rows out + rows quarantined."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from realign.errors import UserError, listing
from realign.store.schemas import QUARANTINE


@dataclass(frozen=True)
class Tally:
    """Rows in = rows out + rows quarantined, for each unit that a stage counts.

    Attributes:
        rows_in: by unit (row, prompt, response, pair, label).
        rows_out: by unit.
        quarantined: by unit, then by reason.
    """

    rows_in: Mapping[str, int]
    rows_out: Mapping[str, int]
    quarantined: Mapping[str, Mapping[str, int]]

    def check(self, quarantine: pd.DataFrame) -> None:
        """Check the equation, and that the quarantine table holds what is counted.

        Raises:
            RuntimeError: a row is lost or invented, which is a bug of the stage.
        """
        held = Counter(zip(quarantine["unit"], quarantine["reason"], strict=True))
        counted = {
            (unit, reason): count
            for unit, reasons in self.quarantined.items()
            for reason, count in reasons.items()
        }
        if dict(held) != counted:
            raise RuntimeError(f"the quarantine table holds {dict(held)}, the tally counts {counted}")
        for unit, number in self.rows_in.items():
            aside = sum(self.quarantined.get(unit, {}).values())
            if number != self.rows_out[unit] + aside:
                raise RuntimeError(
                    f"{number} {unit}s came in, {self.rows_out[unit]} went out, {aside} were set aside"
                )

    def as_json(self) -> dict[str, Any]:
        """Plain content for a JSON artifact."""
        return {
            unit: {
                "in": number,
                "out": self.rows_out[unit],
                "quarantined": dict(sorted(self.quarantined.get(unit, {}).items())),
            }
            for unit, number in sorted(self.rows_in.items())
        }

    def __str__(self) -> str:
        parts = []
        for unit, number in self.rows_in.items():
            reasons = self.quarantined.get(unit, {})
            aside = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
            parts.append(f"{number} {unit}s in, {self.rows_out[unit]} out" + (f" ({aside})" if aside else ""))
        return "; ".join(parts)


@dataclass
class Quarantine:
    """Collects what a stage sets aside."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, unit: str, id_: str, reason: str, detail: str = "") -> None:
        """Set one thing aside; `detail` is cut to 200 characters."""
        self.rows.append((unit, id_, reason, _printable(detail)))

    def add_all(self, unit: str, ids: Sequence[str], reason: str, details: Sequence[str]) -> None:
        """Set several things aside for one reason."""
        for id_, detail in zip(ids, details, strict=True):
            self.add(unit, id_, reason, detail)

    def frame(self) -> pd.DataFrame:
        """The quarantine table."""
        return pd.DataFrame(self.rows, columns=QUARANTINE.names).astype("str")

    def tally(self, rows_in: Mapping[str, int], rows_out: Mapping[str, int]) -> Tally:
        """The stage's account, with what was set aside counted from the rows."""
        counts: dict[str, Counter[str]] = {}
        for unit, _, reason, _ in self.rows:
            counts.setdefault(unit, Counter())[reason] += 1
        return Tally(rows_in, rows_out, {unit: dict(c) for unit, c in counts.items()})


def require_rows(frame: pd.DataFrame, what: str, mend: str) -> None:
    """Stop when nothing is left to work on.

    Raises:
        UserError: `frame` is empty.
    """
    if frame.empty:
        raise UserError(listing(f"no {what} left to work on", [mend]), code="data.nothing_left")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:200])
