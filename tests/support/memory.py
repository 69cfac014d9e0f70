"""Clients without a network: a transport that remembers what it was given, and a conversation over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from bayeux.protocol.encoded import Batch
from bayeux.protocol.options import Options
from bayeux.server.deadlines import Deadlines
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from tests.support.clock import ManualClock


class MemoryTransport:
    """A socket or a request that keeps its answers, decoded, in ``sent``."""

    def __init__(self, name: str = "long-polling") -> None:
        self.name = name
        self.streaming = name == "websocket"
        self.closed = False
        self.writable = True
        self.session: ServerSession | None = None
        self.sent: list[list[dict[str, Any]]] = []
        """One list of messages an answer or push, as the client would read them."""
        self.dismissed: int | None = None
        self.close_code: int | None = None

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        assert not self.closed
        messages = [orjson.loads(message.json) for message in events.messages]
        messages += [orjson.loads(reply) for reply in replies]
        if messages or not self.streaming:
            self.sent.append(messages)
        self.closed = not self.streaming

    def dismiss(self, status: int) -> None:
        self.dismissed = status
        self.closed = not self.streaming

    def close(self, code: int, reason: str) -> None:
        if self.streaming:
            self.close_code = code
            self.closed = True


class Peer:
    """One client of a server, over polls or over a socket; every message gets an id of its own."""

    def __init__(self, server: BayeuxServer, name: str = "long-polling", **context: Any) -> None:
        self.server = server
        self.name = name
        self.context = context
        self.browser: str | None = context.pop("browser", None)
        self.client_id: str | None = None
        self.socket = MemoryTransport(name) if name == "websocket" else None
        self._id = 0

    def new_context(self) -> Context:
        options: Options = self.context.get("options", self.server.options)
        rest = {key: value for key, value in self.context.items() if key != "options"}
        return Context(transport=self.name, options=options, browser=self.browser, **rest)

    def send(self, *messages: dict[str, Any]) -> MemoryTransport:
        """Send a body or frame as it is."""
        transport = self.socket or MemoryTransport(self.name)
        self.server.handle(list(messages), transport, self.new_context())
        return transport

    def message(self, channel: str, **fields: Any) -> dict[str, Any]:
        self._id += 1
        message = {"id": str(self._id), "channel": channel, **fields}
        if self.client_id is not None:
            message.setdefault("clientId", self.client_id)
        return message

    def ask(self, channel: str, **fields: Any) -> list[dict[str, Any]]:
        """Send one message and give what came back at once."""
        transport = self.send(self.message(channel, **fields))
        return transport.sent[-1] if transport.sent else []

    def handshake(self, **fields: Any) -> Peer:
        """Have a session; over polls with the cookie that goes with it."""
        self.client_id = None
        transport = self.send(self.message("/meta/handshake", version="1.0", **fields))
        reply = transport.sent[-1][-1]
        assert reply["successful"], reply
        self.client_id = reply["clientId"]
        self.browser = self.session.browser
        return self

    def connect(self, **fields: Any) -> MemoryTransport:
        """Send a connect; what carries it is given, answered or held."""
        return self.send(self.message("/meta/connect", connectionType=self.name, **fields))

    def subscribe(self, subscription: str | list[str]) -> dict[str, Any]:
        return self.ask("/meta/subscribe", subscription=subscription)[-1]

    def publish(self, channel: str, data: Any, **fields: Any) -> list[dict[str, Any]]:
        return self.ask(channel, data=data, **fields)

    @property
    def session(self) -> ServerSession:
        session = self.server.sessions.find(self.client_id)
        assert session is not None
        return session


@asynccontextmanager
async def still_server(
    clock: ManualClock, options: Options | None = None, policy: SecurityPolicy | None = None
) -> AsyncIterator[BayeuxServer]:
    """A started server whose time stands still until ``pass_time``."""
    server = BayeuxServer(options, policy=policy, clock=clock)
    await server.start()
    server.deadlines = Deadlines(clock)
    try:
        yield server
    finally:
        await server.stop()


async def turn() -> None:
    """Let the loop do what it was asked to do soon."""
    for _ in range(3):
        await asyncio.sleep(0)


async def pass_time(server: BayeuxServer, clock: ManualClock, seconds: float) -> None:
    """Move the clock, tick by tick, and let every deadline on the way come due."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(end, clock.now + 0.25)
        server.deadlines.run(clock.now)
        server.sessions.forget_kicked_before(clock.now)
        await turn()
    server.deadlines.run(clock.now + server.deadlines.tick)
    await turn()
