"""Clients of a server in memory: no network, no bytes, every answer as the client would read it.

Owns what a test sees of the wire: a transport that keeps what it is given, and a peer that sends one message
or batch at a time and hands out what came back. How a conversation goes on from there is ``conversation``'s.

Rules: BAT-4, WS-14, SES-8 are the server's; a peer breaks none of them by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from typing import Any, Self, TypeAlias

from bayeux.protocol import json
from bayeux.protocol.encoded import Batch
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from bayeux.testing.still import turn

PATIENCE = 10.0  # seconds a hook may keep a test waiting before it fails with the name of the message

Fields: TypeAlias = dict[str, Any]
"""A message as JSON has it."""


class MemoryTransport:
    """A socket or a request that keeps its answers, decoded.

    Args:
        name: ``websocket``, or the name of a transport that is answered once.
    """

    def __init__(self, name: str = "long-polling") -> None:
        self.name = name
        self.streaming: bool = name == "websocket"
        self.connect_only: bool = name == "callback-polling"
        self.closed: bool = False
        self.writable = True
        """Set it to False for a client that does not read, and tell the server when it does again."""
        self.session: ServerSession | None = None
        self.sent: list[list[Fields]] = []
        """One list of messages an answer or push, in the order of the wire."""
        self.dismissed: int | None = None
        """The HTTP status of a held request that was ended without an answer (CN-10)."""
        self.close_code: int | None = None
        """With which code the server closed this socket."""
        self.on_messages: Callable[[list[Fields]], None] | None = None
        """Told of each answer or push as it is kept."""

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """See ``Transport``."""
        assert not self.closed, "the server wrote to a transport that is closed"
        messages = [json.decode(message.json, 0) for message in events.messages]
        messages += [json.decode(reply, 0) for reply in replies]
        self.closed = not self.streaming
        if messages or not self.streaming:
            self.sent.append(messages)
            if self.on_messages is not None:
                self.on_messages(messages)

    def dismiss(self, status: int) -> None:
        """See ``Transport``."""
        self.dismissed = status
        self.closed = not self.streaming

    def close(self, code: int, reason: str) -> None:
        """See ``Transport``."""
        if self.streaming:
            self.close_code = code
            self.closed = True


class Peer:
    """One client of a server, over requests or over a socket; every message gets an id of its own.

    Each verb sends one message and gives what came back of it at once. Where a hook of the server is a
    coroutine, nothing has come back yet: ``await peer`` returns the peer when all it sent was processed.
    It keeps its clientId and browser cookie from one message to the next.

    Args:
        name: ``long-polling``, ``websocket`` or another transport's name.
        context: what else its requests carry: fields of ``Context`` such as ``user`` and ``headers``.
    """

    def __init__(self, server: BayeuxServer, name: str = "long-polling", **context: Any) -> None:
        self.server = server
        self.name = name
        self.context = context
        self.browser: str | None = context.pop("browser", None)
        """Value of the browser cookie (COOK-3)."""
        self.client_id: str | None = None
        self.socket = MemoryTransport(name) if name == "websocket" else None
        """What a WebSocket peer speaks through; once it is closed the next message opens another."""
        self.heard: list[Fields] = []
        """Every message it was sent, events and replies, in the order of the wire."""
        self.on_heard: Callable[[Fields], None] | None = None
        """Told of each of these."""
        self._last_id = 0
        self._processing: list[asyncio.Task[Any]] = []

    def __await__(self) -> Generator[Any, None, Self]:
        return self._settled().__await__()

    # What it heard ----------------------------------------------------------------------------

    @property
    def events(self) -> list[Fields]:
        """The published messages it was sent, oldest first."""
        return [message for message in self.heard if "successful" not in message]

    @property
    def replies(self) -> list[Fields]:
        """The answers to what it sent, oldest first."""
        return [message for message in self.heard if "successful" in message]

    @property
    def session(self) -> ServerSession:
        """The server's side of its session; AssertionError if there is none."""
        session = self.server.sessions.find(self.client_id)
        assert session is not None, "this peer has no session: it was not handshaken, or has ended"
        return session

    @property
    def is_answered(self) -> bool:
        """Whether everything it sent was processed: answered, or held."""
        self._processing = [task for task in self._processing if not task.done()]
        return not self._processing

    # What it says -----------------------------------------------------------------------------

    def message(self, channel: str, **fields: Any) -> Fields:
        """A message with an id, and the clientId if there is one."""
        self._last_id += 1
        message = {"id": str(self._last_id), "channel": channel, **fields}
        if self.client_id is not None:
            message.setdefault("clientId", self.client_id)
        return message

    def send(self, *messages: Fields) -> MemoryTransport:
        """Send a body or frame as it is; what carries it is given, answered, held or neither yet.

        Raises HandshakeNotAlone, BatchTooLarge, as the server does.
        """
        if self.socket is not None and self.socket.closed:
            self.socket = MemoryTransport(self.name)
        transport = self.socket or MemoryTransport(self.name)
        transport.on_messages = self._hear
        task = self.server.handle(list(messages), transport, self.new_context())
        if task is not None:
            self._processing.append(task)
        return transport

    def new_context(self) -> Context:
        """The request that brings its next message."""
        fields = {"options": self.server.options, **self.context}
        return Context(transport=self.name, browser=self.browser, **fields)

    def ask(self, channel: str, **fields: Any) -> list[Fields]:
        """Send one message and give what came back at once."""
        transport = self.send(self.message(channel, **fields))
        return transport.sent[-1] if transport.sent else []

    def handshake(self, **fields: Any) -> Self:
        """Have a new session. Raises AssertionError if it is refused at once; ``ask`` for a refusal."""
        self.client_id = None
        asked = {"version": "1.0", "supportedConnectionTypes": [self.name], **fields}
        sent = self.send(self.message("/meta/handshake", **asked)).sent
        if sent and self.client_id is None:
            raise AssertionError(f"the handshake was refused: {sent[-1][-1]}")
        return self

    def connect(self, **fields: Any) -> MemoryTransport:
        """Send a connect; what carries it is given, answered or held."""
        return self.send(self.message("/meta/connect", connectionType=self.name, **fields))

    def subscribe(self, subscription: str | list[str], **fields: Any) -> Fields:
        """Subscribe to a channel, a pattern or several; gives the reply."""
        return self.ask("/meta/subscribe", subscription=subscription, **fields)[-1]

    def publish(self, channel: str, data: Any, **fields: Any) -> list[Fields]:
        """Publish; gives the events that came back with the reply, and the reply."""
        return self.ask(channel, data=data, **fields)

    def lose_connection(self) -> None:
        """The network takes its socket, or the request that holds its connect; the server is told (SES-8)."""
        session = self.server.sessions.find(self.client_id)
        lost = self.socket or (session.held_by if session is not None else None)
        if lost is not None:
            lost.closed = True
            self.server.connection_lost(lost)

    # Itself -----------------------------------------------------------------------------------

    def _hear(self, messages: list[Fields]) -> None:
        self.heard += messages
        for message in messages:
            if message.get("channel") == "/meta/handshake" and message.get("successful"):
                self.client_id = message["clientId"]
                self.browser = self.session.browser
            if self.on_heard is not None:
                self.on_heard(message)

    async def _settled(self) -> Self:
        try:
            async with asyncio.timeout(PATIENCE):
                while not self.is_answered:
                    await self._processing[0]
        except TimeoutError:
            raise TimeoutError(
                f"the server is still at a message of this peer after {PATIENCE:g} s: which hook does it await?"
            ) from None
        await turn()
        return self
