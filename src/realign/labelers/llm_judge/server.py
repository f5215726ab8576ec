"""Asking a judge behind an OpenAI-compatible server, whatever the server does."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from realign.errors import UserError
from realign.labelers.llm_judge.brief import Brief
from realign.labelers.llm_judge.buy import Failed
from realign.labelers.llm_judge.gate import Gate
from realign.labelers.llm_judge.orders import read
from realign.labelers.llm_judge.prompt import repair, response_format
from realign.labelers.llm_judge.replies import Unreadable
from realign.store import ids
from realign.store.ids import Message
from realign.store.ledger import Answer, Shown

# The options under which servers differ, best first: not all know schemas, and some have renamed the length.
_DIALECTS = (
    ("schema", "max_tokens"),
    ("plain", "max_tokens"),
    ("schema", "max_completion_tokens"),
    ("plain", "max_completion_tokens"),
)
_REFUSED = (400, 413, 422)


@dataclass(frozen=True)
class _Said:
    text: str
    tokens_in: int
    tokens_out: int


class Server:
    """A judge on a server; use it as an asynchronous context.

    Args:
        brief: the judge.

    Raises:
        UserError: the address is none, or the key is missing.
    """

    def __init__(self, brief: Brief) -> None:
        judge = brief.judge
        self._brief = brief
        self._address = str(judge.server)
        self._dialects: tuple[tuple[str, str], ...] = _DIALECTS
        self._client = openai.AsyncOpenAI(
            base_url=_checked(self._address),
            api_key=_key(judge.key_variable, self._address),
            max_retries=judge.retries,
            timeout=judge.timeout,
            http_client=_Attempts(Gate(judge.concurrency), judge.timeout),
        )

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def ask(self, pair: str, shown: Shown, chat: list[Message]) -> Answer:
        """One order of one pair, with one repair of an answer that cannot be read.

        Raises:
            Failed: the server did not answer, or refused this very call.
            UserError: it refuses every call: the key, the address or the model is wrong.
        """
        began, calls = time.monotonic(), 1
        key = (self._brief.fingerprint, pair, shown)
        said = await self._call(chat, ids.digest("call", *key))
        text, tokens_in, tokens_out = said.text, said.tokens_in, said.tokens_out
        try:
            read(text, self._brief)
        except Unreadable as error:
            mended = await self._call(
                repair(chat, text, str(error)), ids.digest("repair", *key, ids.digest(text))
            )
            calls, text = 2, mended.text
            tokens_in, tokens_out = tokens_in + mended.tokens_in, tokens_out + mended.tokens_out
        return Answer(
            pair,
            self._brief.fingerprint,
            shown,
            text,
            calls,
            tokens_in,
            tokens_out,
            round(time.monotonic() - began, 3),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    async def _call(self, chat: list[Message], key: str) -> _Said:
        """One answer, in the first dialect that the server takes; it is remembered."""
        *others, last = self._dialects
        for dialect in others:
            try:
                return await self._in(dialect, chat, key)
            except _Refused:
                continue
        return await self._in(last, chat, key)

    async def _in(self, dialect: tuple[str, str], chat: list[Message], key: str) -> _Said:
        judge = self._brief.judge
        form, length = dialect
        body: dict[str, Any] = {
            "model": str(judge.model.name),
            "messages": chat,
            "temperature": judge.temperature,
            length: judge.max_tokens,
        }
        if form == "schema":
            body["response_format"] = response_format(judge.attributes)
        # A server that honours it sells an answer once, even if this process dies while waiting for it.
        headers = {"Idempotency-Key": ids.digest(key, *dialect)}
        try:
            # `chat.completions.create` does the same, and takes half a core more at a hundred calls a second.
            response = await self._client.post(
                "/chat/completions", cast_to=httpx2.Response, body=body, options={"headers": headers}
            )
        except openai.APIStatusError as error:
            self._explain(error)
            raise
        except openai.APIConnectionError as error:
            raise Failed(_line(error.__cause__ or error)) from None
        self._dialects = (dialect,)
        return _said(response)

    def _explain(self, error: openai.APIStatusError) -> None:
        judge, said = self._brief.judge, _line(error)
        if error.status_code in (401, 402, 403):
            raise UserError(
                f"label.judge.key_variable: {self._address} refuses the key in the environment variable "
                f"{judge.key_variable} ({said}). Set a key that is valid and has credit: export {judge.key_variable}=..."
            ) from None
        if error.status_code == 404:
            raise UserError(
                f"label.judge: {self._address} has no model {str(judge.model.name)!r}, or is not the address of an "
                f"OpenAI-compatible server, which usually ends in /v1 ({said}). Mend label.judge.model.name or "
                "label.judge.server"
            ) from None
        if error.status_code in _REFUSED:
            raise _Refused(said, passes=False) from None
        raise Failed(said) from None


class _Refused(Failed):
    """The server wants this very call in another form, or not at all."""


class _Attempts(openai.DefaultAsyncHttpxClient):
    """One attempt at a call: it waits for its turn, is bound in time as a whole, and comes back whole.

    What it raises is what the openai client retries, with exponential pauses and jitter.
    """

    def __init__(self, gate: Gate, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self._gate = gate
        self._seconds = seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        async with self._gate.turn() as began:
            try:
                # The client's own timeout starts anew with every byte: a slow drip would outlive it.
                async with asyncio.timeout(self._seconds):
                    response = await super().send(request, **options)
            except TimeoutError:
                raise httpx2.ReadTimeout(f"no answer in {self._seconds:g} s", request=request) from None
            if response.status_code == 429:
                self._gate.refused(began, _seconds(response.headers.get("retry-after", "")))
            elif response.is_success:
                self._gate.accepted()
                _said(response)
            return response


def _said(response: httpx2.Response) -> _Said:
    """What a completion says.

    Raises:
        httpx2.DecodingError: the body is none, or not all of one.
    """
    try:
        found = json.loads(response.content)
        message, usage = found["choices"][0]["message"], found.get("usage") or {}
        return _Said(
            str(message.get("content") or message.get("refusal") or ""),
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise httpx2.DecodingError("the answer is no chat completion", request=response.request) from None


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0  # a date: the openai client waits until then, the others go on


def _checked(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"label.judge.server: {address!r} is no address; write it like http://127.0.0.1:8000/v1"
        )
    return address


def _key(variable: str, address: str) -> str:
    key = os.environ.get(variable, "").strip()
    if key:
        return key
    if _loopback(str(urlsplit(address).hostname)):
        return "none"
    raise UserError(
        f"label.judge.key_variable: the environment variable {variable} is not set, and {address} is another "
        f"machine. Set the key (or any word, if it asks for none): export {variable}=..."
    )


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _line(error: BaseException) -> str:
    """What another machine says, as one printable line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in text if c.isprintable())[:200]
