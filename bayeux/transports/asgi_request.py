"""One request as an ASGI server tells it, and its one answer.

The server reads the head and owns its bounds, the connection, its time-outs and what is pipelined; the body is
read here, within the mount's bounds.

Source: ASGI 3.0, HTTP and WebSocket; LP-4, SES-8, ENC-3, SEC-L5, SEC-L7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from bayeux.protocol.options import Options
from bayeux.transports.adopted.connection import Occupant
from bayeux.transports.adopted.http import (
    Head,
    HttpRefused,
    check_encoding,
    check_host,
    inflated,
    too_long,
    usual_lines,
)
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.provenance import Provenance

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def events(self, kind: str) -> list[Event]:
        """The same for a server: ``kind`` is ``http``, or the extension for upgrades."""
        return [
            {"type": f"{kind}.response.start", "status": self.status, "headers": self.headers},
            {"type": f"{kind}.response.body", "body": self.body},
        ]


@dataclass(frozen=True, slots=True)
class Agreed:
    """An upgrade that is granted."""

    exchange: HttpExchange
    headers: list[tuple[bytes, bytes]]
    """Of the answer to it."""


class AsgiRequest:
    """Who asks (``Requester``); what it led to is its ``outcome``."""

    __slots__ = ("_is_http_1", "_outcome", "_work", "occupant", "peer", "provenance", "scope", "secure")

    def __init__(self, scope: Scope) -> None:
        client = scope.get("client")
        self.peer: str = client[0] if client else ""
        self.secure: bool = scope.get("scheme") in ("https", "wss")
        self.scope: Mapping[str, Any] | None = scope
        self.occupant: Occupant | None = None
        self.provenance: Provenance | None = None
        self._is_http_1: bool = scope["http_version"] < "2"
        self._outcome: asyncio.Future[Answer | Agreed] = asyncio.get_running_loop().create_future()
        self._work: asyncio.Future[None] | None = None

    def answer(
        self, status: int, body: bytes, lines: bytes, *, content_type: str, is_head: bool, keep_alive: bool
    ) -> int:
        """See Requester."""
        lines = usual_lines(content_type) + lines + b"Content-Length: %d\r\n" % len(body)
        headers = pairs_of(lines)
        if not self._is_http_1:  # RFC 9113, 8.2.2
            headers = [(name, value) for name, value in headers if name != b"connection"]
        self.settle(Answer(status, headers, b"" if is_head else body))
        return len(lines) + len(body)

    def settle(self, outcome: Answer | Agreed) -> None:
        """This is what the request led to; only the first counts."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def wait_for(self, work: Awaitable[None]) -> None:
        """See Requester."""
        self._work = asyncio.ensure_future(work)

    async def outcome(self, receive: Receive) -> Answer | Agreed | None:
        """Wait for it; None if the client went away before, of which whoever is served has been told (SES-8)."""
        try:
            if not self._outcome.done():
                await self._wait_while_there(receive)
        finally:
            if not self._outcome.done():
                self._lose()
        return None if self._outcome.cancelled() else self._outcome.result()

    async def _wait_while_there(self, receive: Receive) -> None:
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait((self._outcome, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            await asyncio.wait((leaving,))
        if not leaving.cancelled():
            leaving.result()  # what the server raises is the server's to hear of

    def _lose(self) -> None:
        self._outcome.cancel()
        if self._work is not None:
            self._work.cancel()
        if self.occupant is not None:
            self.occupant.lost()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass


def pairs_of(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Header lines as ASGI has them."""
    pairs = (line.split(b": ", 1) for line in lines.split(b"\r\n") if line)
    return [(name.lower(), value) for name, value in pairs]


# -- in ------------------------------------------------------------------------------------


def head_of(scope: Scope) -> Head:
    """The head of a request, or of an upgrade whatever form it had in its version of HTTP."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        separator = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{separator}{text}" if name in headers else text
    method = scope.get("method", "")
    if scope["type"] == "websocket":
        method, headers["upgrade"] = "GET", "websocket"
    version: str = scope["http_version"]
    # Servers do not keep connections of HTTP/1.0 for an application.
    keep_alive = version != "1.0" and "close" not in headers.get("connection", "").lower()
    return Head(method, target_of(scope), version, headers, keep_alive)


def target_of(scope: Scope) -> str:
    """Path and query as the client sent them."""
    raw = scope.get("raw_path")
    path = quote(scope["path"], safe="/:@!$&'()*+,;=~") if raw is None else raw.decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def target_below_root(scope: Scope) -> str:
    """The same below the prefix at which a framework mounted us."""
    target, root = target_of(scope), scope.get("root_path", "").rstrip("/")
    for prefix in (root, quote(root)):
        if target.startswith(prefix) and target[len(prefix) : len(prefix) + 1] in ("", "/", "?"):
            return target[len(prefix) :]
    return target


async def read_body(head: Head, receive: Receive, options: Options) -> bytes | None:
    """The body; None where the client did not stay until its end.

    Raises HttpRefused; also for a head that is not to be believed.
    """
    check_host(head.headers.get("host"), head.version)
    check_encoding(head, options.accept_gzip_requests)
    max_body = options.max_message_size  # refused as soon as it shows, not after
    length = head.headers.get("content-length", "")
    if max_body and length.isdecimal() and int(length) > max_body:
        raise too_long(head)
    try:
        async with asyncio.timeout(options.body_timeout):
            return await _read_parts(head, receive, max_body)
    except TimeoutError:
        raise HttpRefused(400, "Request body too slow", head, "SEC-L5") from None


async def _read_parts(head: Head, receive: Receive, max_body: int) -> bytes | None:
    body = bytearray()
    is_whole = False
    while not is_whole:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if max_body and len(body) > max_body:
            raise too_long(head)
        is_whole = not event.get("more_body", False)
    return inflated(head, bytes(body), max_body)
