"""A client's conversation with a server in memory, said step after step.

Owns the order of what is said: each step waits until the one before was processed, also where a hook of the
server is a coroutine. What came back is kept, to be read at any time. Reads as the protocol does::

    alice = Conversation(server).handshake().connect().subscribe("/chat/room").connect()
    alice.publish("/chat/room", "hi")

Source: sections 4…11 of the Bayeux reference, from the client's side.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Self

from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.testing.memory import Fields, Peer


class Conversation:
    """What one client says and hears; each verb says one thing and gives the conversation back.

    Plain hooks are run within the verb. With coroutines among them, and to have the events of others arrive,
    await it: ``await alice`` returns alice when everything she said was processed, and raises TimeoutError if
    that takes ten seconds. A refusal is a reply like any other; only what needs a session raises
    AssertionError where there is none.

    Args:
        transport: ``long-polling``, ``websocket`` or another transport's name.
        context: what else its requests carry: fields of ``Context`` such as ``user`` and ``headers``.
    """

    def __init__(self, server: BayeuxServer, transport: str = "long-polling", **context: Any) -> None:
        self.peer: Peer = Peer(server, transport, **context)
        """For what a conversation cannot say: bodies of one's own, and the transports that carry answers."""
        self.peer.on_heard = self._heard
        self._unsaid: deque[Callable[[], None]] = deque()
        self._stays_connected = False

    def __await__(self) -> Generator[Any, None, Self]:
        return self._settled().__await__()

    # What it heard ----------------------------------------------------------------------------

    @property
    def events(self) -> list[Fields]:
        """The published messages it was sent, oldest first. RuntimeError if it must be awaited first."""
        self._expect_all_said()
        return self.peer.events

    @property
    def replies(self) -> list[Fields]:
        """The answers to what it said, oldest first; a held connect has none yet. Raises as ``events``."""
        self._expect_all_said()
        return self.peer.replies

    @property
    def reply(self) -> Fields:
        """The latest of these. AssertionError if there is none; raises as ``events``."""
        replies = self.replies
        assert replies, "nothing was answered yet"
        return replies[-1]

    def take_events(self) -> list[Fields]:
        """The events that were not taken yet; ``events`` and ``replies`` begin anew. Raises as ``events``."""
        events = self.events
        self.peer.heard.clear()
        return events

    @property
    def client_id(self) -> str | None:
        """Its session's id; None before a handshake was accepted."""
        return self.peer.client_id

    @property
    def session(self) -> ServerSession:
        """The server's side of its session; AssertionError if there is none."""
        return self.peer.session

    @property
    def is_held(self) -> bool:
        """Whether the server holds its connect: a poll waits for events, a socket is at rest."""
        session = self.peer.server.sessions.find(self.peer.client_id)
        return session is not None and session.held_by is not None

    # What it says -----------------------------------------------------------------------------

    def handshake(self, **fields: Any) -> Self:
        """Ask for a session; ``fields`` such as ``ext`` are added, or replace the usual ones."""

        def say() -> None:
            self.peer.client_id = None
            usual = {"version": "1.0", "supportedConnectionTypes": [self.peer.name]}
            self.peer.send(self.peer.message("/meta/handshake", **(usual | fields)))

        return self._say(say)

    def connect(self, **fields: Any) -> Self:
        """Connect once: the first is answered at once, the next ones are held until there are events (CN-3)."""
        return self._send("/meta/connect", connectionType=self.peer.name, **fields)

    def stay_connected(self) -> Self:
        """Connect, and again after each answer, as real clients do.

        It stays away as soon as an answer advises a pause, or not to come back.
        """

        def say() -> None:
            self._stays_connected = True

        return self._say(say).connect()

    def subscribe(self, *channels: str, **fields: Any) -> Self:
        """Subscribe to channels and patterns, in one message."""
        return self._send("/meta/subscribe", subscription=_one_or_all(channels), **fields)

    def unsubscribe(self, *channels: str, **fields: Any) -> Self:
        """The opposite."""
        return self._send("/meta/unsubscribe", subscription=_one_or_all(channels), **fields)

    def publish(self, channel: str, data: Any, **fields: Any) -> Self:
        """Publish; without a handshake, anonymously (PUB-2)."""
        return self._say(lambda: self._send_now(self.peer.message(channel, data=data, **fields)))

    def disconnect(self, **fields: Any) -> Self:
        """End the session."""
        return self._send("/meta/disconnect", **fields)

    def batch(self, *messages: Fields) -> Self:
        """Say several things in one body or frame; each gets an id and the clientId."""
        return self._say(lambda: self._send_now(*(self.peer.message(**message) for message in messages)))

    def lose_connection(self) -> Self:
        """The network takes the socket, or the request that holds the connect; the session stays (SES-8)."""
        return self._say(self.peer.lose_connection)

    # Itself -----------------------------------------------------------------------------------

    def _send(self, channel: str, **fields: Any) -> Self:
        def say() -> None:
            if self.peer.client_id is None:
                raise AssertionError(f"{channel} needs a session: {self._why_there_is_none()}")
            self._send_now(self.peer.message(channel, **fields))

        return self._say(say)

    def _send_now(self, *messages: Fields) -> None:
        self.peer.send(*messages)

    def _say(self, say: Callable[[], None]) -> Self:
        if self._unsaid or not self.peer.is_answered:
            self._unsaid.append(say)
        else:
            say()
        return self

    def _heard(self, message: Fields) -> None:
        if self._stays_connected and message.get("channel") == "/meta/connect":
            advice = message.get("advice", {})
            if message["successful"] and not advice.get("interval") and advice.get("reconnect", "retry") == "retry":
                asyncio.get_running_loop().call_soon(self.connect)
            else:
                self._stays_connected = False

    def _why_there_is_none(self) -> str:
        answers = [reply for reply in self.peer.replies if reply["channel"] == "/meta/handshake"]
        return f"the handshake was answered {answers[-1]}" if answers else "say handshake() first"

    def _expect_all_said(self) -> None:
        if self._unsaid:
            raise RuntimeError(
                "a hook of the server is a coroutine, and things are left to say: await the conversation"
            )

    async def _settled(self) -> Self:
        await self.peer
        while self._unsaid:
            self._unsaid.popleft()()
            await self.peer
        return self


def _one_or_all(channels: tuple[str, ...]) -> str | list[str]:
    return channels[0] if len(channels) == 1 else list(channels)
