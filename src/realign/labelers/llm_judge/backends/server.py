"""server: a judge behind an OpenAI-compatible address, whatever the server does."""

import asyncio
import json
import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from realign.config.params import Judge
from realign.errors import UserError
from realign.labelers.llm_judge.backend import Backend, Call, Completion, Failed, Refused
from realign.labelers.llm_judge.budget import CHARACTERS_A_TOKEN
from realign.labelers.llm_judge.concurrency import Limit
from realign.labelers.llm_judge.form import Form, json_form
from realign.labelers.llm_judge.parse import CUT, EMPTY, REFUSED
from realign.redact import redact, without_user_info
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
_MOST_TOKENS = 2**40  # of an answer; a server that says more does not count
_SHOWN = 300  # characters of a server's words
_OF_TEXT = re.compile(
    r"content.?(filter|policy|management|moderation)|moderat|safety|flagged|inappropriate|sensitive|harm|responsible.?ai"
    r"|inspection|context.?(length|window)|too (long|large|many tokens)|maximum.{0,30}tokens",
    re.IGNORECASE,
)
_OF_KEY = re.compile(
    r"api.?key|credential|authenti|authori|credit|billing|balance|quota|payment|subscri|permission|region|country",
    re.IGNORECASE,
)
# What servers call an error that they send with status 200, and the status that it should have had.
_CODES = (
    (r"rate.?limit|too.?many|overload|throttl", 429),
    (r"quota|billing|credit|payment", 402),
    (r"api.?key|auth|permission", 401),
    (r"model.?not.?found|not.?found", 404),
    (r"invalid|bad.?request|context|content|policy|moderation", 400),
)


class Server:
    """A judge on a server, one call at a time.

    Args:
        judge: the settings.
        form: how it is asked.
        host: holds the key, and the clock.

    Raises:
        UserError: the key is missing.
    """

    batch = 1

    def __init__(self, judge: Judge, form: Form, host: Host) -> None:
        self._judge = judge
        self._form = form
        self._address = str(judge.server)
        self._key = host.environ.get(judge.key_variable, "").strip()
        self._dialects: tuple[tuple[str, str], ...] = _DIALECTS
        self.at_once = judge.concurrency
        if not self._key and not _loopback(str(urlsplit(self._address).hostname)):
            raise UserError(
                f"label.judge.key_variable: the environment variable {judge.key_variable} is not set, and {self._address} "
                f"is another machine. Set the key (or any word, if it asks for none): export {judge.key_variable}=...",
                code="judge.no_key",
            )
        self._client = openai.AsyncOpenAI(
            base_url=self._address,
            api_key=self._key or "none",
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
        refusals: dict[str, Refused] = {}
        for dialect in self._dialects:
            try:
                completion = await self._in(dialect, chat, key)
            except Refused as refused:
                refusals[str(refused)] = refused
            else:
                self._dialects = (dialect,)
                return completion
        last = list(refusals.values())[-1]
        raise Refused("; ".join(refusals), last.of_text, last.mend)

    async def _in(self, dialect: tuple[str, str], chat: list[Message], key: str) -> Completion:
        judge = self._judge
        form, length = dialect
        body: dict[str, Any] = {
            "model": str(judge.model.name),
            "messages": chat,
            "stream": False,
            length: judge.max_tokens,
        }
        if judge.temperature is not None:
            body["temperature"] = judge.temperature
        if form == "schema":
            body["response_format"] = self._form.schema
        # A server that honours it sells an answer once, even if this process dies while waiting for it.
        headers = {"Idempotency-Key": ids.digest(key, *dialect)}
        try:
            # `chat.completions.create` does the same, and takes half a core more at a hundred calls a second.
            response = await self._client.post(
                "/chat/completions", cast_to=httpx2.Response, body=body, options={"headers": headers}
            )
            return self._completion(response, chat)
        except openai.APIStatusError as error:
            raise self._reason(error.response) from None
        except openai.APIConnectionError as error:
            raise Failed(self._line(str(error.__cause__ or error) or type(error).__name__)) from None
        except httpx2.DecodingError as error:
            raise Failed(self._line(str(error)), passes=False) from None

    def _reason(self, response: httpx2.Response) -> UserError | Failed:
        """Why there is no answer, in the server's own words."""
        judge, status = self._judge, response.status_code
        words = self._line(f"HTTP {status}: {_words(response)}")
        if "temperature" in words.lower() and judge.temperature is not None:
            words += " (to leave it out: label.judge.temperature: null)"
        of_key = UserError(
            f"label.judge.key_variable: {self._address} refuses the key in the environment variable "
            f"{judge.key_variable} ({words}). Set a key that is valid and has credit: export {judge.key_variable}=...",
            code="judge.key_refused",
        )
        of_text = True if _OF_TEXT.search(words) else False if _OF_KEY.search(words) else None
        if status in (401, 402) or (status == 403 and of_text is False):
            return of_key
        if status == 404:
            return UserError(
                f"label.judge: {self._address} has no model {str(judge.model.name)!r}, or is not the address of an "
                f"OpenAI-compatible server, which usually ends in /v1 ({words}). Mend label.judge.model.name or "
                "label.judge.server",
                code="judge.no_model",
            )
        if status in (400, 403, 413, 422, 451):
            return Refused(words, of_text, of_key if status == 403 else None)
        return Failed(words)

    def _completion(self, response: httpx2.Response, chat: list[Message]) -> Completion:
        """What a response says; where the server does not count tokens, or not soundly, they are estimated.

        Raises:
            httpx2.DecodingError: the body is no chat completion, or not all of one.
        """
        choice, usage = _choice(response)
        message, finish = choice["message"], str(choice.get("finish_reason")).lower()
        text, cause = _text(message.get("content")), ""
        if finish in ("length", "max_tokens", "max_output_tokens"):
            cause = CUT
        elif finish in ("content_filter", "safety"):
            cause = REFUSED
        if not text.strip():
            said = {name: part for name, part in message.items() if part and name not in ("role", "content")}
            cause = cause or ("" if said else EMPTY)
            text = _text(message.get("refusal")) or (json.dumps(said) if said else "")
        text = redact(text, self._key)
        read = sum(len(turn["content"]) for turn in chat)
        return Completion(
            text,
            _count(usage.get("prompt_tokens")) or 1 + read // CHARACTERS_A_TOKEN,
            _count(usage.get("completion_tokens")) or 1 + len(text) // CHARACTERS_A_TOKEN,
            cause,
        )

    def _line(self, words: str) -> str:
        """What another machine says, as one printable line without the key."""
        return "".join(c for c in " ".join(redact(words, self._key).split()) if c.isprintable())[:_SHOWN]


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
            response = _honest(response)
            if response.status_code == 429:
                self._limit.refused(began, _seconds(response.headers.get("retry-after", "")))
            elif response.is_success:
                self._limit.accepted()
                if not _streams(response):  # which every attempt would be, and be paid for
                    _choice(response)  # a broken body is retried like a broken connection
            return response


def _honest(response: httpx2.Response) -> httpx2.Response:
    """The response; one that says 200 and holds an error gets the status of the error."""
    body = _json(response)
    if not response.is_success or _error(body) is None or _answers(body):
        return response
    error = _error(body)
    parts = error if isinstance(error, dict) else {}
    code = next((str(parts[name]) for name in ("code", "status", "type") if parts.get(name)), "")
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else 0
    named = " ".join(str(parts.get(name, "")) for name in ("code", "type", "status"))
    status = status or next((of for words, of in _CODES if re.search(words, named, re.IGNORECASE)), 502)
    pause = response.headers.get("retry-after")
    headers = {"content-type": "application/json"} | ({"retry-after": pause} if pause else {})
    return httpx2.Response(status, headers=headers, content=response.content, request=response.request)


def _json(response: httpx2.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _error(body: Any) -> Any:
    """The error in a body: an object or words; None where there is none."""
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    if error := body.get("error") or first.get("error"):
        return error
    plain = any(isinstance(body.get(name), str) for name in ("message", "detail")) and choices is None
    return body if plain or body.get("object") == "error" else None


def _answers(body: Any) -> bool:
    """Whether a body holds an answer, whatever else."""
    try:
        return bool(_text(body["choices"][0]["message"]["content"]).strip())
    except (LookupError, TypeError):
        return False


def _choice(response: httpx2.Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """The choice of a chat completion, which has a message, and the usage.

    Raises:
        httpx2.DecodingError: the body is no chat completion; names what it is.
    """
    body = _json(response)
    try:
        choice, usage = body["choices"][0], body.get("usage")
        if isinstance(choice["message"], dict):
            return choice, usage if isinstance(usage, dict) else {}
    except (LookupError, TypeError, AttributeError):
        pass
    what = (
        "an event stream" if _streams(response) else response.headers.get("content-type") or "no content type"
    )
    raise httpx2.DecodingError(
        f"HTTP {response.status_code} with no chat completion but {what}: {_words(response)}",
        request=response.request,
    )


def _streams(response: httpx2.Response) -> bool:
    kind = response.headers.get("content-type", "")
    return kind.startswith("text/event-stream") or response.content.lstrip().startswith(b"data:")


def _words(response: httpx2.Response) -> str:
    """What a response says in words: its error's message, or its text without markup."""
    error = _error(_json(response))
    if isinstance(error, dict):
        names = ("message", "detail", "code", "type")
        parts = [str(error[name]) for name in names if isinstance(error.get(name), str | int)]
        error = "; ".join(dict.fromkeys(parts)) or json.dumps(error)
    text = str(error or response.text)
    if "<html" in text[:1000].lower():
        text = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", text)
    return text.strip() or "(empty)"


def _text(content: Any) -> str:
    """The text of a message's content: itself, its text parts, or the JSON of an object."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        return "".join(map(_part, content))
    return json.dumps(content)


def _part(part: Any) -> str:
    """The text of a part, '' of one that is thinking, a refusal or a call of a tool."""
    if not isinstance(part, dict):
        return part if isinstance(part, str) else ""
    if part.get("type", "text") not in ("text", "output_text") or part.get("thought"):
        return ""
    text = part.get("text")
    return _text(text.get("value") if isinstance(text, dict) else text)


def _count(number: Any) -> int:
    """A number of tokens; 0 for anything that cannot be one."""
    try:
        count = 0 if isinstance(number, bool) else int(number)
    except (TypeError, ValueError, OverflowError):
        return 0
    return count if 0 < count < _MOST_TOKENS else 0


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0  # a date: the openai client waits until then, the others go on


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problems(judge: Judge) -> list[str]:
    problems = []
    if judge.server is None:
        problems.append("label.judge.server: backend server needs an address; set it, or backend: local")
    elif wrong := _wrong(judge.server):
        shown = without_user_info(judge.server)
        problems.append(f"label.judge.server: {shown!r} {wrong}; write it like http://127.0.0.1:8000/v1")
    if not (judge.model.name and judge.model.revision):
        problems.append("label.judge.model: name and revision are needed when llm_judge labels")
    return problems


def _wrong(address: str) -> str:
    """What is wrong with an address; '' if nothing."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        httpx2.URL(address)
    except (ValueError, httpx2.InvalidURL) as error:
        return f"is no address ({error})"
    if parts.scheme not in ("http", "https") or not host or port == 0 or any(c.isspace() for c in address):
        return "is no address"
    return ""


BACKEND = Backend(Server, lambda judge: json_form(judge.attributes), _problems)
