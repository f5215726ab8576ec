"""The machine that a run is on: its clock and its environment. Tests put another in its place."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True)
class Host:
    """What code may ask of the machine; no artifact depends on any of it.

    Attributes:
        environ: environment variables.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, never set back."""
        return time.monotonic()
