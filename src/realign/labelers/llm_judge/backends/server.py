"""server: a judge behind an OpenAI-compatible address, whatever the server does."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from realign.config.params import Judge
from realign.errors import UserError
from realign.labelers.llm_judge.backend import Backend, Call, Completion, Failed
from realign.labelers.llm_judge.concurrency import Limit
from realign.labelers.llm_judge.form import Form, json_form
from realign.store import ids
from realign.store.host import Host
from realign.store.ids import Message

# The options under which servers differ, best first: not all know schemas, and some have renamed the length.
_DIALECTS = (
    ("schema", "max_tokens"),
    ("plain", "max_tokens"),
    ("schema", "max_completion_tokens"),
    ("plain", "max_completion_tokens"),
)
_REFUSED = (400, 413, 422)


class Server:
    """A judge on a server, one call at a time.

    Args:
        judge: the settings.
        form: how it is asked.
        host: holds the key, and the clock.

    Raises:
        UserError: the address is none, or the key is missing.
    """

    batch = 1

    def __init__(self, judge: Judge, form: Form, host: Host) -> None:
        self._judge = judge
        self._form = form
        self._address = str(judge.server)
        self._dialects: tuple[tuple[str, str], ...] = _DIALECTS
        self.at_once = judge.concurrency
        self._client = openai.AsyncOpenAI(
            base_url=_checked(self._address),
            api_key=_key(judge.key_variable, self._address, host.environ),
            max_retries=judge.retries,
            timeout=judge.timeout,
            http_client=_Attempts(Limit(judge.concurrency, host.monotonic), judge.timeout),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, calls: Sequence[Call]) -> list[Completion]:
        """What the server answers.

        Raises:
            Failed: the server did not answer, or refused this very call.
            UserError: it refuses every call: the key, the address or the model is wrong.
        """
        return [await self._call(call.chat, call.key) for call in calls]

    async def _call(self, chat: list[Message], key: str) -> Completion:
        """One answer, in the first dialect that the server takes; it is remembered."""
        *others, last = self._dialects
        for dialect in others:
            try:
                return await self._in(dialect, chat, key)
            except _Refused:
                continue
        return await self._in(last, chat, key)

    async def _in(self, dialect: tuple[str, str], chat: list[Message], key: str) -> Completion:
        judge = self._judge
        form, length = dialect
        body: dict[str, Any] = {
            "model": str(judge.model.name),
            "messages": chat,
            "temperature": judge.temperature,
            length: judge.max_tokens,
        }
        if form == "schema":
            body["response_format"] = self._form.schema
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
        return _completion(response)

    def _explain(self, error: openai.APIStatusError) -> None:
        judge, words = self._judge, _line(error)
        if error.status_code in (401, 402, 403):
            raise UserError(
                f"label.judge.key_variable: {self._address} refuses the key in the environment variable "
                f"{judge.key_variable} ({words}). Set a key that is valid and has credit: export {judge.key_variable}=...",
                code="judge.key_refused",
            ) from None
        if error.status_code == 404:
            raise UserError(
                f"label.judge: {self._address} has no model {str(judge.model.name)!r}, or is not the address of an "
                f"OpenAI-compatible server, which usually ends in /v1 ({words}). Mend label.judge.model.name or "
                "label.judge.server",
                code="judge.no_model",
            ) from None
        if error.status_code in _REFUSED:
            raise _Refused(words, passes=False) from None
        raise Failed(words) from None


class _Refused(Failed):
    """The server wants this very call in another form, or not at all."""


class _Attempts(openai.DefaultAsyncHttpxClient):
    """One attempt at a call: it waits for its turn, is bound in time as a whole, and comes back whole.

    What it raises is what the openai client retries, with exponential pauses and jitter.
    """

    def __init__(self, limit: Limit, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self._limit = limit
        self._seconds = seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        async with self._limit.turn() as began:
            try:
                # The client's own timeout starts anew with every byte: a slow drip would outlive it.
                async with asyncio.timeout(self._seconds):
                    response = await super().send(request, **options)
            except TimeoutError:
                raise httpx2.ReadTimeout(f"no answer in {self._seconds:g} s", request=request) from None
            if response.status_code == 429:
                self._limit.refused(began, _seconds(response.headers.get("retry-after", "")))
            elif response.is_success:
                self._limit.accepted()
                _completion(response)  # a broken body is retried like a broken connection
            return response


def _completion(response: httpx2.Response) -> Completion:
    """What a response says.

    Raises:
        httpx2.DecodingError: the body is no chat completion, or not all of one.
    """
    try:
        body = json.loads(response.content)
        message, usage = body["choices"][0]["message"], body.get("usage") or {}
        return Completion(
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
            f"label.judge.server: {address!r} is no address; write it like http://127.0.0.1:8000/v1",
            code="judge.wrong_address",
        )
    return address


def _key(variable: str, address: str, environ: Mapping[str, str]) -> str:
    key = environ.get(variable, "").strip()
    if key:
        return key
    if _loopback(str(urlsplit(address).hostname)):
        return "none"
    raise UserError(
        f"label.judge.key_variable: the environment variable {variable} is not set, and {address} is another "
        f"machine. Set the key (or any word, if it asks for none): export {variable}=...",
        code="judge.no_key",
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


def _problems(judge: Judge) -> list[str]:
    problems = []
    if judge.server is None:
        problems.append("label.judge.server: backend server needs an address; set it, or backend: local")
    if not (judge.model.name and judge.model.revision):
        problems.append("label.judge.model: name and revision are needed when llm_judge labels")
    return problems


BACKEND = Backend(Server, lambda judge: json_form(judge.attributes), _problems)
