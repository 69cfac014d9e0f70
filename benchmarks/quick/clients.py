"""Raw clients of a Unix socket: they write finished bytes, and count what comes back without decoding it.

A Unix socket, because what one side has written the other can read at once: the server takes the same turns in
every run. Nothing here runs in the server's loop.
"""

from __future__ import annotations

import json
import re
import socket
from abc import ABC, abstractmethod
from typing import Any

_CLIENT_ID = re.compile(rb'"clientId":"([^"]+)"')
_COOKIE = re.compile(rb"Set-Cookie: ([^;\r]+)")
_READ = 2**20  # bytes; more than a round sends to one client
_TEXT = "x" * 80  # makes an event of about 140 bytes


class Client(ABC):
    """One session's connection, and how often it was told what."""

    transport: str

    def __init__(self, path: str) -> None:
        self.client_id: str = ""
        self.replies: int = 0
        """Successful ones."""
        self.events: int = 0
        self.received_bytes: int = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.setblocking(False)

    @abstractmethod
    def open(self) -> None:
        """Do what goes ahead of the handshake."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """The handshake may be sent."""

    @abstractmethod
    def framed(self, body: bytes) -> bytes:
        """A body as it travels."""

    def read(self) -> bytes:
        """Take what has come, and count it. Raises ConnectionError if the server has closed."""
        try:
            received = self._socket.recv(_READ)
        except BlockingIOError:
            return b""
        if not received:
            raise ConnectionError("the server has closed a connection")
        self.received_bytes += len(received)
        self.replies += received.count(b'"successful":true')
        self.events += received.count(b'"data":')
        if not self.client_id and (found := _CLIENT_ID.search(received)):
            self.client_id = found[1].decode()
        return received

    def send(self, *messages: dict[str, Any]) -> None:
        """Write these as one array."""
        self.write(self.encoded(*messages))

    def encoded(self, *messages: dict[str, Any]) -> bytes:
        """What ``send`` writes."""
        own = {"clientId": self.client_id} if self.client_id else {}
        return self.framed(json.dumps([{**message, **own} for message in messages]).encode())

    def write(self, data: bytes) -> None:
        """Write finished bytes. Raises BlockingIOError where the server has left so much unread."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()


class SocketClient(Client):
    """Over a WebSocket."""

    transport = "websocket"

    def open(self) -> None:
        """See Client."""
        self.write(
            b"GET /cometd HTTP/1.1\r\nHost: quick\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )

    @property
    def is_open(self) -> bool:
        """See Client."""
        return self.received_bytes > 0

    def framed(self, body: bytes) -> bytes:
        """See Client. The mask is zero; to take it off costs the same."""
        size = len(body)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        return b"\x81" + length + bytes(4) + body


class PollClient(Client):
    """Over one keep-alive connection of HTTP."""

    transport = "long-polling"
    is_open = True

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._cookie = b""

    def open(self) -> None:
        """See Client."""

    def framed(self, body: bytes) -> bytes:
        """See Client."""
        return (
            b"POST /cometd HTTP/1.1\r\nHost: quick\r\nContent-Type: application/json\r\nAccept: */*\r\n"
            b"User-Agent: quick\r\n%bContent-Length: %d\r\n\r\n%b" % (self._cookie, len(body), body)
        )

    def read(self) -> bytes:
        """See Client."""
        received = super().read()
        if not self._cookie and (found := _COOKIE.search(received)):
            self._cookie = b"Cookie: " + found[1] + b"\r\n"
        return received


def handshake(client: Client) -> dict[str, Any]:
    """The first message of a session."""
    return {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": [client.transport], "id": "1"}


def subscribe(channel: str) -> dict[str, Any]:
    """The message that subscribes."""
    return {"channel": "/meta/subscribe", "subscription": channel, "id": "2"}


def connect(client: Client) -> dict[str, Any]:
    """The first is answered at once, the next one is held."""
    return {"channel": "/meta/connect", "connectionType": client.transport, "id": "3"}


def publish(channel: str, number: int) -> dict[str, Any]:
    """An event, of the same size whatever its number."""
    return {"channel": channel, "data": {"n": f"{number:05}", "text": _TEXT}, "id": f"{number:05}"}
