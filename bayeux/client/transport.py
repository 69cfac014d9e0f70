"""What carries a client's messages: an interface, and the decoding both implementations share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bayeux.client.errors import TransportFailed
from bayeux.client.event import Message
from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody

Receive = Callable[[list[Message]], Awaitable[None]]
"""Given the messages of one answer or frame, in order; waits while extensions do, and keeps the order meanwhile."""


class Transport(Protocol):
    """Carries messages to the server, and hands what comes back to ``Receive``.

    Order: as sent, except that a connect and other messages may overtake each other.
    """

    name: str
    """The ``connectionType``."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Send together, opening a connection if there is none.

        Long-polling returns when the answer was received, a WebSocket when the messages are
        written. Cancelling it may close the connection.

        Raises TransportFailed. TypeError for what JSON cannot say, before anything is sent.
        """

    def abort(self) -> None:
        """Drop all connections now; the next ``send`` opens a fresh one."""

    async def close(self) -> None:
        """Drop all connections, saying good-bye where that is usual."""


def decode(text: bytes) -> list[Message]:
    """The messages of an answer or frame.

    Raises TransportFailed if it is no array of objects: this is no Bayeux server.
    """
    try:
        messages = json.decode(text, 0)
    except MalformedBody as error:
        raise TransportFailed("the server's answer is not JSON") from error
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise TransportFailed("the server's answer is not an array of messages")
    return messages
