"""Secrets kept out of what another program wrote, before it is stored or shown."""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

MASK = "[secret]"

_RUN = 6  # characters that a text and a secret have in common before they are taken for a part of it
_ENDS = 3  # characters of a secret before or after a mask, as in sk-ab***yz
_SECRET_NAME = re.compile(r"(^|_)(API)?(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST = 8  # characters of a value that is taken for a secret because of its name alone
_MASKED = re.compile(r"([\w.+/=-]*?)(?:[*•·xX]{3,}|…|\.{3,})+([\w.+/=-]*)")
_USER_INFO = re.compile(r"(\w://)[^/?#\s]*@")


def of_environment(environ: Mapping[str, str]) -> list[str]:
    """The values of environment variables whose names say that they are secret."""
    values = (value.strip() for name, value in environ.items() if _SECRET_NAME.search(name))
    return [value for value in values if len(value) >= _SHORTEST]


def without_user_info(text: str) -> str:
    """The text, its addresses without user names and passwords."""
    return _USER_INFO.sub(rf"\1{MASK}@", text)


def redact(text: str, *secrets: str) -> str:
    """The text without these secrets, however they are encoded, whole or in part."""
    text = without_user_info(text)
    for secret in filter(None, secrets):
        text = _MASKED.sub(lambda match, secret=secret: _ends(match, secret), text)  # type: ignore[misc]
        if len(secret) < _RUN:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
        else:
            text = _without(text, [form.lower() for form in _forms(secret)])
    return text


def _forms(secret: str) -> Iterator[str]:
    """The secret as programs write it."""
    plain = secret.encode()
    yield from {quote(quote(secret, safe=""), safe=""), quote(secret, safe=""), quote_plus(secret)}
    yield from {json.dumps(secret)[1:-1], secret.replace("/", "\\/"), html.escape(secret)}
    yield "".join(f"\\u{ord(character):04x}" for character in secret)
    yield plain.hex()
    for before in range(3):  # base64 of a text that holds the secret depends on where it begins in it
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(before) + plain).decode().rstrip("=")
            yield whole[-(-before * 8 // 6) : len(whole) - bool((before + len(plain)) % 3)]
    yield secret


def _without(text: str, forms: list[str]) -> str:
    """The text without the runs of characters that it shares with a form of a secret."""
    low = "".join(character.lower()[:1] for character in text)  # a few letters are longer in lower case
    parts = {form[at : at + _RUN] for form in forms for at in range(len(form) - _RUN + 1)}
    hidden = [False] * len(text)
    for at in range(len(text) - _RUN + 1):
        if low[at : at + _RUN] in parts:
            hidden[at : at + _RUN] = [True] * _RUN
    kept = "".join("\0" if secret else character for character, secret in zip(text, hidden, strict=True))
    return re.sub("\0+", MASK, kept) if any(hidden) else text


def _ends(match: re.Match[str], secret: str) -> str:
    """A masked word; the mask alone where what is left of the word is the beginning or the end of the secret."""
    before, after = match.groups()
    begins = len(before) >= _ENDS and before[-_ENDS:] in secret and secret.startswith(before[:_ENDS])
    ends = len(after) >= _ENDS and secret.endswith(after[-_ENDS:])
    return MASK if begins or ends else match[0]
