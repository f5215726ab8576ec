"""Asking a labeller: pairs with what it reads, the answers that are known already, and what became of it."""

from __future__ import annotations

from realign.asking.answers import preferences
from realign.asking.ask import Asked, ask
from realign.asking.questions import Known, with_texts

__all__ = ["Asked", "Known", "ask", "preferences", "with_texts"]
