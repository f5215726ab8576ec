"""Text of data and models, made fit to be shown to a person."""

from __future__ import annotations

import unicodedata

_LONGEST = 1200


def seen(text: str) -> str:
    """Untrusted text made visible: control and direction characters show as their code, long is cut."""
    cut = text[:_LONGEST] + (" …" if len(text) > _LONGEST else "")
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs") else f"⟨U+{ord(c):04X}⟩"
        for c in cut
    )
