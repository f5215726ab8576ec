"""Text of data and models, made fit to be shown to a person."""

from __future__ import annotations

import re
import unicodedata

_EXCERPT = 1200

# Openings of a refusal, in English; a share of them is normal, a flood means a broken generation.
REFUSAL = re.compile(
    r"^\W*(?:(?:i['’]?m |i am )?sorry\b|i (?:can ?not|can['’]?t|won['’]?t|am unable|am not able)\b|as an ai\b"
    r"|unfortunately,? i\b)",
    re.IGNORECASE,
)


class _Marks(dict[int, str]):
    """For `str.translate`: characters that are not seen, but act, as their code."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        hidden = character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")
        self[code] = f"⟨U+{code:04X}⟩" if hidden else character
        return self[code]


_MARKS = _Marks()


def seen(text: str) -> str:
    """Control, direction and zero-width characters as their code; a Windows line end is a line end."""
    return text.replace("\r\n", "\n").translate(_MARKS)


def cut(text: str, longest: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= longest else text[:longest] + " …"


def excerpt(text: str) -> str:
    """The beginning of an untrusted text, every character of it visible."""
    return seen(cut(text, _EXCERPT))
