"""A client that acknowledges, over a network that loses what the test says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from bayeux.protocol import json
from bayeux.protocol.encoded import NOTHING, Batch
from bayeux.protocol.frames import FrameReader
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.testing import MemoryTransport, Peer

Fields = dict[str, Any]


class Socket(MemoryTransport):
    """A socket whose frames are read one by one, so that it can break between two."""

    def __init__(self) -> None:
        super().__init__("websocket")

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        for text in FrameReader("client", max_message_size=0).feed(events.frames):
            assert isinstance(text, bytes)
            super().send(NOTHING, [json.encode(message) for message in json.decode(text, 0)])
        super().send(NOTHING, replies)


class Acknowledging:
    """Reads what it is told to read, remembers the number, and says it with its connects.

    Args:
        name: ``long-polling`` or ``websocket``.
    """

    def __init__(self, server: BayeuxServer, name: str) -> None:
        self.peer = Peer(server, name)
        if name == "websocket":
            self.open_socket()
        self.number: int | None = 0
        self.carrier: MemoryTransport | None = None
        """What carries its latest connect."""
        self.replies: list[Fields] = []
        """The connect replies it has read."""

    @property
    def session(self) -> ServerSession:
        return self.peer.session

    @property
    def is_held(self) -> bool:
        return self.session.held is not None

    @property
    def reply(self) -> Fields:
        """The latest connect reply it has read."""
        return self.replies[-1]

    def handshake(self, **fields: Any) -> Self:
        self.peer.handshake(**{"ext": {"ack": True}, **fields})
        if self.peer.socket is not None:
            self.peer.socket.sent.clear()
        self.number = 0
        return self

    def ready(self, *channels: str) -> Self:
        """With a session that did its first connect, subscribed, and without a connect that is held."""
        self.handshake().connect(advice={"timeout": 0})
        self.read()
        if channels:
            self.peer.subscribe(list(channels))
            if self.peer.socket is not None:
                self.peer.socket.sent.clear()
        return self

    def connect(self, **fields: Any) -> Self:
        """With the number it knows; ``ext`` says something else."""
        if self.peer.socket is not None and self.peer.socket.closed:
            self.open_socket()
        self.carrier = self.peer.connect(**{"ext": {"ack": self.number}, **fields})
        return self

    def read(self, frames: int | None = None) -> list[Any]:
        """The data of the events that have come; on a socket, of the first so many frames."""
        assert self.carrier is not None
        parts = self.carrier.sent[:frames]
        del self.carrier.sent[:frames]
        messages = [message for part in parts for message in part]
        for message in messages:
            if message["channel"] == "/meta/connect":
                self.replies.append(message)
                if message["successful"] and "ext" in message:
                    self.number = message["ext"]["ack"]
        return [message["data"] for message in messages if "data" in message]

    def lose(self) -> None:
        """What was written and not read is lost, and the connection with it."""
        assert self.carrier is not None
        if self.carrier.streaming or self.carrier is self.session.held_by:
            self.peer.lose_connection()
        self.carrier.sent.clear()

    def move(self, name: str) -> None:
        """Use another transport from here on, keeping the session and the cookie."""
        self.peer.name = name
        self.peer.socket = None
        if name == "websocket":
            self.open_socket()

    def open_socket(self) -> None:
        """Speak through a new socket from here on; nobody has noticed anything of the one before."""
        self.peer.socket = Socket()
