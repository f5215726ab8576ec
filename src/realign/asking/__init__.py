"""Asking a labeller: pairs with what it reads, the answers that are known already, and what became of it."""

from __future__ import annotations

from realign.asking.ask import Asked, ask
from realign.asking.questions import Known

__all__ = ["Asked", "Known", "ask"]
