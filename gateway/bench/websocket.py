"""One session's requests and events over a WebSocket.

Cost: what was received before is one look into a dictionary; else the splitting of plain text frames, some bytes
each. Everything rarer goes through ``bayeux.protocol.frames``.
"""

from __future__ import annotations

import base64
import os

from tornado.speedups import websocket_mask

from bayeux.protocol.frames import (
    CLOSE,
    NORMAL,
    PONG,
    TEXT,
    Binary,
    Close,
    FrameReader,
    Ping,
    Pong,
    Violation,
    client_frame,
)
from gateway.bench.loop import Address, Connection, Loop
from gateway.bench.marks import Reader
from gateway.bench.session import Session

_MAX_MESSAGE = 4 * 1024 * 1024
_MAX_HEAD = 16 * 1024
_WHOLE_TEXT = 0x81
# One key for all: it protects caches from what foreign pages may write, and nothing here is a page.
_KEY = os.urandom(4)
_LAST_WORDS = client_frame(CLOSE, NORMAL.to_bytes(2, "big"), _KEY, websocket_mask)


def split(received: bytes) -> tuple[list[bytes], int]:
    """The payloads of the plain text frames at the beginning, and where something else begins."""
    payloads, start, end = [], 0, len(received)
    while start + 2 <= end and received[start] == _WHOLE_TEXT:
        length, body = received[start + 1], start + 2
        if length > 125:
            if length > 127:
                break
            body += 2 if length == 126 else 8
            if body > end:
                break
            length = int.from_bytes(received[start + 2 : body], "big")
        if body + length > end:
            break
        payloads.append(received[body : body + length])
        start = body + length
    return payloads, start


class WebSocketCarrier(Connection):
    """A session's socket; opens by itself when there is something to send."""

    __slots__ = ("_head", "_is_upgraded", "_queued", "_rare", "_reader", "_rest", "_session", "_upgrade")

    def __init__(self, loop: Loop, address: Address, upgrade: bytes, reader: Reader, session: Session) -> None:
        super().__init__(loop, address)
        self._upgrade = upgrade
        self._reader = reader
        self._session = session
        self._is_upgraded = False
        self._queued: list[bytes] = []
        self._rest = b""
        self._rare: FrameReader | None = None

    def send(self, body: bytes) -> None:
        """See ``Carrier``."""
        if self._is_upgraded:
            self.write(client_frame(TEXT, body, _KEY, websocket_mask))
            return
        self._queued.append(body)
        if self.is_closed:
            self.open()
            self.write(self._upgrade)

    send_connect = send

    def close(self) -> None:
        """With a close frame, if there is somebody to read it."""
        if self._is_upgraded and not self._unsent and self._sock is not None:
            try:
                self._sock.send(_LAST_WORDS)
            except OSError:
                pass  # it has gone already
        super().close()
        self._forget()

    def lost(self, words: str) -> None:
        """Tell the session."""
        self._forget()
        self._session.lost(words)

    def _forget(self) -> None:
        self._is_upgraded = False
        self._queued.clear()
        self._rest, self._rare = b"", None

    def received(self, received: bytes) -> None:
        """Frames, or the answer to the upgrade."""
        if self._rest:
            received = self._rest + received
            self._rest = b""
        elif self._is_upgraded:
            content = self._reader.known.get(received)
            if content is not None:
                self._session.take(content)
                return
        if not self._is_upgraded:
            received = self._read_upgrade(received)
        while received and self._is_upgraded:
            bodies, end = split(received)
            if bodies:
                self._take(received if end == len(received) else received[:end], bodies)
            if end == len(received):
                return
            received = self._read_rare(received[end:])

    def _take(self, received: bytes, bodies: list[bytes]) -> None:
        try:
            content = self._reader.read(received, bodies)
        except ValueError as error:
            self.fail(f"what came is no Bayeux: {error}")
        else:
            self._session.take(content)

    def _read_upgrade(self, received: bytes) -> bytes:
        head, separator, rest = received.partition(b"\r\n\r\n")
        if not separator:
            if len(received) > _MAX_HEAD:
                self.fail("WebSocket refused: no end of the answer")
            self._rest = received
            return b""
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        if " 101" not in status:
            words = rest[:100].decode("utf-8", "replace").strip()
            super().close()
            self._forget()
            self._session.denied(f"WebSocket refused: {status.partition(' ')[2]} {words}".rstrip())
            return b""
        self._is_upgraded = True
        queued, self._queued = self._queued, []
        for body in queued:
            self.send(body)
        return rest

    def _read_rare(self, received: bytes) -> bytes:
        """Take one frame that is no plain text; what follows it, or nothing while it is incomplete."""
        size = _frame_size(received)
        if size > _MAX_MESSAGE:
            self.fail("the server sent more than 4 MiB in one frame")
            return b""
        if size > len(received) or len(received) < 2:
            self._rest = received
            return b""
        if self._rare is None:
            self._rare = FrameReader("client", max_message_size=_MAX_MESSAGE)
        for event in self._rare.feed(received[:size]):
            if isinstance(event, bytes):
                self._take(event, [event])
            elif isinstance(event, Ping):
                self.write(client_frame(PONG, event.payload, _KEY, websocket_mask))
            elif isinstance(event, Close):
                self.fail(f"WebSocket closed by the server: {event.code} {event.reason}".rstrip())
                return b""
            elif isinstance(event, (Violation, Binary)):
                self.fail("the server broke the WebSocket protocol")
                return b""
            else:
                assert isinstance(event, Pong)
        return received[size:]


def _frame_size(received: bytes) -> int:
    """All of its first frame, as far as its header has come."""
    if len(received) < 2:
        return 2
    length = received[1] & 0x7F
    if length < 126:
        return 2 + length
    body = 4 if length == 126 else 10
    return body + int.from_bytes(received[2:body], "big") if len(received) >= body else body


def upgrade_request(authority: str, path: str) -> bytes:
    """What asks for a WebSocket; one key for all, as nothing is proved by it here."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
