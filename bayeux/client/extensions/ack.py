"""Acknowledged messages, the client's part: no event is lost and their order is total while the session lives.

Owns the number of the last batch that arrived, and what of the next one arrived before the connection broke.

Source: section 1 of the extensions' reference; CometD's client. That repeats are recognised is ours (ACK-31).
"""

from __future__ import annotations

from typing import Any

from bayeux.client.event import Message, is_integer
from bayeux.client.extension import Extension
from bayeux.client.extensions.ext import ext_of, extend
from bayeux.protocol.channel import META_CONNECT, META_HANDSHAKE
from bayeux.protocol.hooks import STOP

MAX_REMEMBERED = 10_000  # events of a batch; our server keeps 1000 unacknowledged (SEC-L16)


class Acknowledge(Extension):
    """Tells the server with each connect up to which batch events have arrived (ACK-1, ACK-11).

    Where the server does not know the extension, nothing changes. When a WebSocket breaks in the middle of a batch,
    the server sends it again from its beginning: what arrived before, and comes again in the same order, is dropped,
    so that each event is handed over once (ACK-31). It is told by what it says, so this extension should see events
    before others that change them.
    """

    def __init__(self) -> None:
        self._is_agreed = False
        self._batch = 0
        self._announced = 0
        self._announced_batch = 0
        self._arrived: list[int] = []
        """Fingerprints of the events behind the last batch, in their order."""
        self._position = 0
        """How many of them this connection has brought."""

    @property
    def is_agreed(self) -> bool:
        """Whether the server of the present session acknowledges (ACK-2)."""
        return self._is_agreed

    @property
    def batch(self) -> int:
        """The last batch that arrived, 0 at first."""
        return self._batch

    def outgoing(self, message: Message) -> None:
        """Ask for it in a handshake, acknowledge in a connect."""
        if message["channel"] == META_HANDSHAKE:
            self._is_agreed = False
            self._begin(0)
            extend(message, ack=True)
        elif message["channel"] == META_CONNECT and self._is_agreed:
            self._announced = self._position = 0  # whatever has not arrived is sent again, with this connect's reply
            extend(message, ack=self._batch)

    def incoming(self, message: Message) -> object:
        """Take note of the server's consent, and of the number of a batch, which stands behind its events (BAT-5)."""
        ack = ext_of(message).get("ack")
        if "data" in message:
            return STOP if self._is_agreed and self._is_repeated(message) else None
        if message.get("successful") is not True:
            return None
        if message.get("channel") == META_HANDSHAKE:
            self._agree(ack, message.get("x-messages"))
        elif message.get("channel") == META_CONNECT and self._is_agreed and is_integer(ack):
            self._begin(ack)
        return None

    def _agree(self, ack: Any, announced: Any) -> None:
        if not isinstance(ack, dict):
            self._is_agreed = ack is True
            return
        self._is_agreed = ack.get("enabled") is True
        if is_integer(ack.get("batch")):  # with the events behind the handshake's reply (HS-14)
            self._announced = announced if is_integer(announced) else 0
            self._announced_batch = ack["batch"]
            if not self._announced:
                self._begin(self._announced_batch)

    def _begin(self, batch: int) -> None:
        """Everything up to this batch has arrived."""
        self._batch = batch
        self._announced = self._position = 0
        self._arrived.clear()

    def _is_repeated(self, event: Message) -> bool:
        """Whether the connection before this one brought this event at the same place."""
        fingerprint = hash(repr(event))
        if self._position < len(self._arrived) and self._arrived[self._position] == fingerprint:
            self._position += 1
            return True
        del self._arrived[self._position :]  # the server has dropped something: what follows is news
        if len(self._arrived) < MAX_REMEMBERED:
            self._arrived.append(fingerprint)
            self._position += 1
        if self._announced:
            self._announced -= 1
            if not self._announced:
                self._begin(self._announced_batch)
        return False
