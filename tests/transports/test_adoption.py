"""Faults and strangers around the moment at which a connection becomes ours."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.testing import bind_unused_port
from tornado.web import Application

from bayeux import BayeuxServer, make_handlers
from bayeux.server.transport import Context
from bayeux.transports import adopt
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from tests.support.wire import HttpConnection

HANDSHAKE = b'[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]'

guest: ContextVar[str | None] = ContextVar("guest", default=None)


class Noting(Application):
    """Leaves in a context variable whom it saw last, as tracing does."""

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        guest.set(request.headers["X-Guest"])
        return super().find_handler(request, **options)


async def test_what_a_request_leaves_in_its_context_is_not_seen_by_other_connections() -> None:
    """The door, made within the first request, once kept that request's context for all that came by it."""
    seen: list[tuple[str, str | None]] = []

    def identify(context: Context) -> None:
        seen.append((context.headers["x-guest"], guest.get()))

    async with BayeuxServer() as server:
        http_server = HTTPServer(Noting(make_handlers(Mount(server, identify=identify))))
        listening, port = bind_unused_port()
        http_server.add_socket(listening)
        for name in ("Ann", "Bob"):
            connection = await HttpConnection.open(f"http://127.0.0.1:{port}/")
            for _ in range(2):
                connection.request("POST", "/cometd", {"X-Guest": name}, HANDSHAKE)
                await connection.reply()
            connection.abort()
        http_server.stop()
    assert len(seen) == 4
    assert all(left in (None, name) for name, left in seen)


@pytest.mark.expected_logs("a connection could not be taken")
async def test_connection_that_could_not_be_taken_harms_none_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its descriptor once stayed marked as watched, and whoever got the same number was dropped without a word."""
    async with BayeuxServer() as server, Listener([Mount(server)]) as listener:
        port = listener.listen(0)
        with monkeypatch.context() as fault:
            fault.setattr(adopt, "Connection", lambda *_: 1 / 0)
            refused = await HttpConnection.open(f"http://127.0.0.1:{port}/")
            assert await refused.rest() == b""
            refused.abort()
        for _ in range(3):
            connection = await HttpConnection.open(f"http://127.0.0.1:{port}/")
            connection.request("POST", "/cometd", body=HANDSHAKE)
            assert (await connection.reply()).status == 200
            connection.abort()
