"""A WebSocket on a connection of ours: frames in, frames out.

Cost model: a write costs more than all else here, so replies are held back until the end of the turn, and leave in
one write with those of other frames of the same read and with the turn's events. Sending a batch is one concatenation
at most and that write; a frame in is one pass of the reader and what its message costs. A socket that compresses adds a
look-up to a batch's write, and the compression of its own replies.

Source: WS-1…4, WS-9, WS-11, WS-18…21, SEC-L17, SEC-L22, SEC-94.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any

from bayeux.protocol import deflate, frames
from bayeux.protocol.deflate import Deflate
from bayeux.protocol.encoded import Batch
from bayeux.protocol.frames import Binary, Close, Event, FrameReader, Ping, Pong, Violation
from bayeux.server.rates import TokenBucket
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.adopted.http import HttpRequest
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.websocket import NOTHING, WebSocket, agreed_headers

mask: frames.Mask
try:
    from tornado.speedups import websocket_mask as mask
except ImportError:  # Tornado without its C extension
    mask = frames.xor_mask

CLOSE_WAIT = 2.0  # seconds for the peer to answer our close
MAX_HELD_BACK = 64 * 1024  # a write of that much is not made cheaper by waiting for more

_NOTHING = frames.text_frame(NOTHING)


class FramedSocket(WebSocket):
    """A socket whose frames are ours to read and write."""

    __slots__ = ("_connection", "_control", "_deflate", "_heard_at", "_held_back", "_pinged_at", "_reader", "_waiting")

    def __init__(self, exchange: HttpExchange, connection: Connection, agreed: Deflate | None) -> None:
        super().__init__(exchange, connection.door.clock)
        options = exchange.context.options
        self._connection = connection
        self._deflate = agreed
        self._reader = FrameReader(
            "server",
            max_message_size=options.ws_max_message_size,
            max_fragments=options.ws_max_fragments,
            mask=mask,
            inflates=agreed is not None,
        )
        self._waiting: list[Event] | None = None  # what came behind a frame whose hooks are awaited
        self._control: TokenBucket | None = None
        self._heard_at = self._active_at  # when something came; what we write proves no peer
        self._pinged_at = 0.0  # when the last ping went out
        self._held_back = b""  # frames of this turn, in front of whatever is written next

    # -- the server tells ----------------------------------------------------------------------

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Write the frames of the events, then one with the replies (WS-11)."""
        how = self._deflate
        data = b""
        if events.messages:
            data = events.deflated_frames(how) if how is not None else events.framed or events.frames
            if not replies:
                self._write(data)
                return
        if replies:
            text = b"[" + (replies[0] if len(replies) == 1 else b",".join(replies)) + b"]"
            data += frames.text_frame(text) if how is None else frames.deflated_text_frame(text, how)
        data = self._held_back + (data or _NOTHING)
        if not self._held_back:
            self._server.flusher.wait_for_end(self)
        self._held_back = data
        if len(data) > MAX_HELD_BACK:
            self._write(b"")

    def write_held_back(self) -> None:
        """The turn is over (``Holder``)."""
        if self._held_back:
            self._write(b"")

    def say(self, text: bytes) -> None:
        """See WebSocket."""
        self._write(self._framed(text))

    def end(self) -> None:
        """See WebSocket."""
        self._held_back = b""
        super().end()

    def close(self, code: int, reason: str) -> None:
        """Say good-bye and wait a moment for the peer's answer; nothing else is written (WS-20)."""
        if not self.closed:
            self._write(frames.close_frame(code, reason))
            self.end()
            self._connection.expect(CLOSE_WAIT)

    # -- the connection tells ------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._active_at = self._heard_at = self._clock()
        self._server.counters.bytes_received["websocket"] += len(data)
        if self._waiting is not None:
            self._waiting += self._reader.feed(data)
        elif self.closed or (text := self._reader.whole_text(data)) is None:
            self._take_all(self._reader.feed(data))
        elif (work := self.take_message(text)) is not None:
            self._wait_for(work, [])

    def look(self, now: float) -> float:
        """Close a socket that is idle, silent or dead; when to look again."""
        options = self._context.options
        if not self.writable or self._waiting is not None:
            self._heard_at = now  # nothing is read from it meanwhile, no pong either (WS-9, WS-21)
        is_owed = self._pinged_at > self._heard_at  # a pong
        if is_owed and not self.closed and self._pinged_at + options.ws_ping_timeout <= now:
            self._connection.abort()  # WS-18: a close would not arrive either
            return 0.0
        again = super().look(now)
        if not again or not options.ws_ping_interval:
            return again
        if not is_owed and self._heard_at + options.ws_ping_interval <= now:
            self._connection.write(frames.ping_frame())
            self._pinged_at, is_owed = now, True
        if is_owed:
            return min(again, self._pinged_at + options.ws_ping_timeout)
        return min(again, self._heard_at + options.ws_ping_interval)

    # -- frames in -----------------------------------------------------------------------------

    def _take_all(self, events: list[Event]) -> None:
        """Take one event after the other; a message whose hooks are awaited stops it (WS-9)."""
        self._waiting = None
        for n, event in enumerate(events, 1):
            if self.closed or not isinstance(event, bytes):
                self._take(event)
            elif (work := self.take_message(event)) is not None:
                self._wait_for(work, events[n:])
                return

    def _wait_for(self, work: asyncio.Task[Any], behind: list[Event]) -> None:
        self._waiting = behind
        self._connection.hold_reading(work)
        work.add_done_callback(self._on_done)

    def _on_done(self, work: asyncio.Task[Any]) -> None:
        self.take_result(work)
        self._take_all(self._waiting or [])

    def _take(self, event: Event) -> None:
        if isinstance(event, Close):
            self._answer_close(event.code)
        elif self.closed:
            pass  # a client that has not seen our close yet
        elif isinstance(event, Ping | Pong):
            self._take_control(event)
        elif isinstance(event, Binary):
            self.take_binary()
        elif isinstance(event, Violation):
            self._count_violation(event)
            self.close(event.code, event.reason)
            self._connection.linger()  # the answer to our close would not be read any more

    def _take_control(self, event: Ping | Pong) -> None:
        rate = self._context.options.ws_control_rate
        if self._control is None:
            self._control = TokenBucket()
        if not self._control.take(rate, rate, self._active_at):
            self._server.reject("SEC-L22")
            self.close(frames.POLICY, "Too many control frames")
        elif isinstance(event, Ping):
            self._write(frames.pong_frame(event.payload))

    def _answer_close(self, code: int) -> None:
        if not self.closed:
            self._write(frames.close_frame(code))
            self.end()
        self._connection.close()

    def _count_violation(self, violation: Violation) -> None:
        if violation.code == frames.TOO_BIG:
            self._server.reject("SEC-L7")
        elif violation.code == frames.POLICY:
            self._server.reject("SEC-L22")

    # -- out -----------------------------------------------------------------------------------

    def _framed(self, text: bytes) -> bytes:
        return frames.text_frame(text) if self._deflate is None else frames.deflated_text_frame(text, self._deflate)

    def _write(self, data: bytes) -> None:
        """Write now, behind what was held back."""
        if self._held_back:
            data, self._held_back = self._held_back + data, b""
        self._active_at = self._clock()
        self._server.counters.bytes_sent["websocket"] += len(data)
        if self.writable:
            self._connection.carrier.write(data)  # nothing is unsent, so there is no bound to keep
        else:
            self._connection.write(data)


def upgrade(connection: Connection, exchange: HttpExchange, request: HttpRequest) -> None:
    """Make the connection a WebSocket, or say why not (WS-1…4, WS-32)."""
    headers, options = request.head.headers, exchange.context.options
    if not _is_valid(request):
        exchange.refuse(400, "Malformed WebSocket upgrade")
        return
    if headers.get("sec-websocket-version") != "13":
        exchange.refuse(426, "WebSocket version 13 only", b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        return
    lines = agreed_headers(exchange, request)
    if lines is None:
        return
    if options.ws_protocol:
        lines = f"Sec-WebSocket-Protocol: {options.ws_protocol}\r\n".encode() + lines
    agreed = None
    if options.ws_deflate:
        agreed = deflate.agree(headers.get("sec-websocket-extensions", ""), options.ws_deflate_min_size)
    if agreed is not None:
        lines = f"Sec-WebSocket-Extensions: {agreed.answer}\r\n".encode() + lines
    socket, key = FramedSocket(exchange, connection, agreed), frames.accept_key(headers["sec-websocket-key"])
    connection.upgrade(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key.encode() + b"\r\n" + lines + b"\r\n",
        socket,
        options,
    )
    connection.look_at(socket.look(connection.door.clock()))


def _is_valid(request: HttpRequest) -> bool:
    """RFC 6455, 4.2.1; a body would be read as frames."""
    head = request.head
    try:
        key = base64.b64decode(head.headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        return False
    return (
        head.method == "GET"
        and head.version != "1.0"
        and "upgrade" in head.tokens("connection")
        and len(key) == 16
        and not request.body
    )
