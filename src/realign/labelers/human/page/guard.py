"""Protection of every request: headers, host names, form sizes, rate limits, no traceback in a response."""

import ipaddress
import logging
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_FORM = 32 * 1024
"""Bytes; enough for the longest comment in any script."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests for a foreign host name, sets the headers, and hides internal errors.

    An attacker's site that resolves to this machine (DNS rebinding) sends its own host name; a numeric
    address cannot be such a site.

    Args:
        app: the application it protects.
        hosts: names under which people reach the page, without port.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if not self._trusted(Headers(scope=scope).get("host", "")):
            await PlainTextResponse("unknown host name", 400)(scope, receive, guarded)
            return
        try:
            await self._app(scope, receive, guarded)
        except Exception:
            logging.getLogger(__name__).exception("%s %s failed", scope["method"], scope["path"])
            if not started:
                await PlainTextResponse("Something went wrong on the server; nothing was saved.", 500)(
                    scope, receive, guarded
                )

    def _trusted(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class Rate:
    """A limit of requests a moving window, for each person and each address.

    Args:
        limit: in the notation of the library `limits`, e.g. 600/minute.
    """

    def __init__(self, limit: str) -> None:
        self._item: RateLimitItem = parse(limit)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, who: str) -> None:
        """Count one request.

        Raises:
            HTTPException: 429, with a Retry-After header.
        """
        if not self._limiter.hit(self._item, who):
            wait = {"Retry-After": str(self._item.get_expiry())}
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, "Too many requests: please wait a minute.", wait
            )


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a plain HTML form, each once.

    Raises:
        HTTPException: 415 not a form; 413 too large; 400 malformed.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "This is not a form of this page.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large; shorten the comment."
            )
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from None
    if any(len(values) > 1 for values in fields.values()):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form has a field twice.")
    return {name: values[0] for name, values in fields.items()}
