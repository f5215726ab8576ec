"""Text of data and models: its words in any script, and made safe to show to a person."""

import re
import unicodedata

import regex

# Scripts that are written without blanks between words: there a character, with its marks, stands for a word.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_CHARACTER = rf"[{_UNSPACED}]\p{{M}}*"
_WORD = regex.compile(rf"{_CHARACTER}|[\w--[{_UNSPACED}]]+", regex.V1)
_SEGMENT = regex.compile(rf"{_CHARACTER}|[^\s{_UNSPACED}]+")

_EXCERPT = 1200

# How a refusal begins, in English.
REFUSAL = re.compile(
    r"^\W*(?:(?:i['’]?m |i am )?sorry\b|i (?:can ?not|can['’]?t|won['’]?t|am unable|am not able)\b|as an ai\b"
    r"|unfortunately,? i\b)",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """The words of a text without case, width and punctuation; where a script has no blanks, its characters."""
    found: list[str] = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return found


def segments(text: str) -> list[str]:
    """What blanks separate, without case and width; where a script has no blanks, its characters."""
    found: list[str] = _SEGMENT.findall(unicodedata.normalize("NFKC", text).casefold())
    return found


class _Marks(dict[int, str]):
    """For `str.translate`: invisible characters that have an effect, as their code."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        hidden = character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")
        self[code] = f"⟨U+{code:04X}⟩" if hidden else character
        return self[code]


_MARKS = _Marks()


def seen(text: str) -> str:
    """The text with control, direction and zero-width characters as their code, and with Unix line ends."""
    return text.replace("\r\n", "\n").translate(_MARKS)


def cut(text: str, longest: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= longest else text[:longest] + " …"


def excerpt(text: str) -> str:
    """The beginning of an untrusted text, every character of it visible."""
    return seen(cut(text, _EXCERPT))
