"""Secrets are cut out of foreign texts however they are spelled, and nothing else is."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realign.redact import MASK, of_environment, redact

KEY = 'sk-Ab+/9=Zq"77&secretKEY'


def spellings(key):
    return [
        key, key.upper(), quote(key), quote(key, safe=""), quote_plus(key), quote(quote(key, safe=""), safe=""),
        json.dumps(key)[1:-1], key.replace("/", "\\/"), key.encode().hex(), "".join(f"\\u{ord(c):04x}" for c in key),
        *(base64.b64encode(f"{before}{key}".encode()).decode() for before in ("", "u:", "me:", "x")),
        base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
        key[:12], key[5:], f"{key[:5]}{'*' * 11}{key[-4:]}", f"{key[:6]}...", f"…{key[-4:]}",
    ]  # fmt: skip


@pytest.mark.parametrize("spelling", spellings(KEY))
def test_a_secret_is_cut_out_however_it_is_spelled(spelling):
    found = redact(f"Incorrect API key provided: {spelling} (see the docs)", KEY)
    assert MASK in found
    assert found.startswith("Incorrect API key provided: ")
    assert found.endswith(" (see the docs)")
    longest = max((run for run in _runs(spelling, 7) if run in found), key=len, default="")
    assert longest == ""


def _runs(text, size):
    return {text[at : at + size] for at in range(len(text) - size + 1)}


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=16, max_size=60),
    st.text(),
    st.text(),
)
def test_no_part_of_a_secret_is_left(key, before, after):
    for spelling in (key, base64.b64encode(key.encode()).decode()):
        found = redact(f"{before} {spelling} {after}", key)
        assert spelling not in found


def test_other_texts_stay_as_they_are():
    for text in (
        "",
        "too many requests... wait",
        "HTTP 429: rate limit **reached**",
        "ask https://example.org/a@b",
    ):
        assert redact(text, KEY, "any", "") == text
    assert redact("any key? anyway", "any") == f"{MASK} key? anyway"


def test_addresses_lose_their_user_names_and_passwords():
    assert redact("http://me:pw@host:1/v1 and ftp://x@y") == f"http://{MASK}@host:1/v1 and ftp://{MASK}@y"


def test_the_environments_secrets_are_those_that_its_names_call_so():
    secret = {"OPENAI_API_KEY": "abcdefgh1", "HF_TOKEN": "abcdefgh2", "DB_PASSWORD": "abcdefgh3"}
    other = {"TOKENIZERS_PARALLELISM": "false", "HF_TOKEN_PATH": "/root/token", "MY_KEY": "short"}
    assert of_environment(secret | other) == [*secret.values()]
