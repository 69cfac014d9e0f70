"""The ``websocket`` transport: one socket, messages in both directions at any time.

Cost model: sending a batch is one concatenation at most and one write; a frame in is one pass of
the reader, one JSON decoding and one call of the server.

Source: section 14 of the Bayeux reference; HS-9, BAT-8, MSG-4, SEC-L17, SEC-L18, SEC-L22, SEC-94.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Sequence
from typing import Any

from bayeux.protocol import frames
from bayeux.protocol.encoded import Batch
from bayeux.protocol.errors import BodyRefused, MalformedBody, MalformedMessage
from bayeux.protocol.frames import Binary, Close, Event, FrameReader, Ping, Pong, Violation
from bayeux.protocol.message import parse_envelope
from bayeux.server.rates import TokenBucket
from bayeux.server.sessions import ServerSession
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.adopted.http import HttpRequest
from bayeux.transports.browser import new_browser, set_cookie
from bayeux.transports.exchange import HttpExchange

mask: frames.Mask
try:
    from tornado.speedups import websocket_mask as mask
except ImportError:  # Tornado without its C extension
    mask = frames.xor_mask

log = logging.getLogger(__name__)

MALFORMED_BEFORE_CLOSE = 3  # SEC-10
CLOSE_WAIT = 2.0  # seconds for the peer to answer our close

_MALFORMED = frames.text_frame(b'[{"successful":false,"error":"' + MalformedMessage().wire.encode() + b'"}]')
_NOTHING = frames.text_frame(b"[]")


class WebSocket:
    """A socket at work (``Transport``)."""

    __slots__ = (
        "_active_at",
        "_connection",
        "_control",
        "_exchange",
        "_has_spoken",
        "_malformed",
        "_opened_at",
        "_pinged_at",
        "_reader",
        "_server",
        "_waiting",
        "closed",
        "session",
        "writable",
    )

    name = "websocket"
    streaming = True

    def __init__(self, exchange: HttpExchange) -> None:
        options = exchange.context.options
        self.closed = False
        self.writable = True
        self.session: ServerSession | None = None
        self._exchange = exchange
        self._connection = exchange.connection
        self._server = exchange.mount.server
        self._reader = FrameReader(
            "server",
            max_message_size=options.ws_max_message_size,
            max_fragments=options.ws_max_fragments,
            mask=mask,
        )
        self._waiting: list[Event] | None = None  # what came behind a frame whose hooks are awaited
        self._opened_at = self._active_at = self._connection.door.clock()
        self._control: TokenBucket | None = None
        self._has_spoken = False
        self._malformed = 0
        self._pinged_at = 0.0  # when a ping went out that nothing has come after
        self._server.counters.connections[self.name] += 1

    # -- the server tells ----------------------------------------------------------------------

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Write the frames of the events, then one with the replies (WS-11)."""
        data = events.frames if events.messages else b""
        if replies:
            data += frames.text_frame(b"[" + b",".join(replies) + b"]")
        elif not data:
            data = _NOTHING
        self._write(data)

    def dismiss(self, status: int) -> None:
        """A replaced connect is just never answered (CN-11)."""

    def close(self, code: int, reason: str) -> None:
        """Say good-bye and wait a moment for the peer's answer; nothing else is written (WS-20)."""
        if not self.closed:
            self._write(frames.close_frame(code, reason))
            self._end()
            self._connection.expect(CLOSE_WAIT)

    # -- the connection tells ------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._active_at = self._connection.door.clock()
        self._pinged_at = 0.0
        self._server.counters.bytes_received[self.name] += len(data)
        events = self._reader.feed(data)
        if self._waiting is None:
            self._take_all(events)
        else:
            self._waiting += events

    def lost(self) -> None:
        """The connection has gone; the session waits for the client to come back (WS-16)."""
        self._end()

    def write_paused(self) -> None:
        """The client reads too slowly: events wait in its queue, where they are counted (SEC-L16)."""
        self.writable = False

    def write_resumed(self) -> None:
        """The client has caught up."""
        self.writable = True
        if not self.closed:
            self._server.writable_again(self)

    def look(self, now: float) -> float:
        """Close a socket that is idle, silent or dead; when to look again."""
        options = self._exchange.context.options
        if self.closed:
            return 0.0
        if self._is_expected_to_speak and self._opened_at + options.handshake_timeout <= now:
            self._server.reject("SEC-L18")
            self.close(frames.POLICY, "No message in time")  # WS-6
        elif self._active_at + options.ws_idle_timeout <= now:
            self.close(frames.NORMAL, "Idle")  # WS-17
        elif self._pinged_at and self._pinged_at + options.ws_ping_timeout <= now:
            self._connection.abort()  # WS-18: a close would not arrive either
        else:
            return self._next_look(now)
        return 0.0

    @property
    def _is_expected_to_speak(self) -> bool:
        return not self._has_spoken and self._exchange.context.options.handshake_timeout > 0

    def _next_look(self, now: float) -> float:
        options = self._exchange.context.options
        times = [self._active_at + options.ws_idle_timeout]
        if self._is_expected_to_speak:
            times.append(self._opened_at + options.handshake_timeout)
        if self._pinged_at:
            times.append(self._pinged_at + options.ws_ping_timeout)
        elif options.ws_ping_interval:
            if self._active_at + options.ws_ping_interval <= now:
                self._connection.write(frames.ping_frame())
                self._pinged_at = now
                times.append(now + options.ws_ping_timeout)
            else:
                times.append(self._active_at + options.ws_ping_interval)
        return min(times)

    # -- frames in -----------------------------------------------------------------------------

    def _take_all(self, events: list[Event]) -> None:
        """Take one event after the other; a message whose hooks are awaited stops it (WS-9)."""
        self._waiting = None
        for n, event in enumerate(events, 1):
            work = self._take(event)
            if work is not None:
                self._waiting = events[n:]
                self._connection.hold_reading(work)
                work.add_done_callback(self._on_done)
                return

    def _on_done(self, work: asyncio.Task[Any]) -> None:
        if not work.cancelled() and (error := work.exception()) is not None:
            self._fail(error)
        self._take_all(self._waiting or [])

    def _take(self, event: Event) -> asyncio.Task[Any] | None:
        if isinstance(event, Close):
            self._answer_close(event.code)
        elif self.closed:
            pass  # a client that has not seen our close yet
        elif isinstance(event, bytes):
            return self._take_message(event)
        elif isinstance(event, Ping | Pong):
            self._take_control(event)
        elif isinstance(event, Binary):
            self.close(frames.UNSUPPORTED, "Text only")  # WS-7
        elif isinstance(event, Violation):
            self._count_violation(event)
            self.close(event.code, event.reason)
            self._connection.linger()  # the answer to our close would not be read any more
        return None

    def _take_message(self, text: bytes) -> asyncio.Task[Any] | None:
        self._has_spoken = True
        try:
            messages = parse_envelope(text, self._exchange.context.options)
            if not messages:
                self._write(_NOTHING)  # WS-8
                return None
            return self._server.handle(messages, self, self._exchange.context)
        except MalformedBody:
            self._malformed += 1
            self._write(_MALFORMED)
            if self._malformed >= MALFORMED_BEFORE_CLOSE:
                self.close(frames.POLICY, "Malformed messages")
        except BodyRefused as refusal:
            self.close(refusal.close_code, "Refused")
        except Exception as error:  # noqa: BLE001 - logged by _fail
            self._fail(error)
        return None

    def _fail(self, error: BaseException) -> None:
        log.error("a frame could not be processed", exc_info=error)
        self.close(frames.INTERNAL_ERROR, "Internal error")

    def _take_control(self, event: Ping | Pong) -> None:
        rate = self._exchange.context.options.ws_control_rate
        if self._control is None:
            self._control = TokenBucket(rate, self._active_at)
        if not self._control.take(rate, rate, self._active_at):
            self._server.reject("SEC-L22")
            self.close(frames.POLICY, "Too many control frames")
        elif isinstance(event, Ping):
            self._write(frames.pong_frame(event.payload))

    def _answer_close(self, code: int) -> None:
        if not self.closed:
            self._write(frames.close_frame(code))
            self._end()
        self._connection.close()

    def _count_violation(self, violation: Violation) -> None:
        if violation.code == frames.TOO_BIG:
            self._server.reject("SEC-L7")
        elif violation.code == frames.POLICY:
            self._server.reject("SEC-L22")

    # -- out -----------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        self._active_at = self._connection.door.clock()
        self._server.counters.bytes_sent[self.name] += len(data)
        self._connection.write(data)

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self._server.counters.connections[self.name] -= 1
            self._server.connection_lost(self)


def start(exchange: HttpExchange, request: HttpRequest) -> None:
    """Upgrade the connection, or say why not (WS-1…3, WS-32)."""
    context, headers = exchange.context, request.headers
    options = context.options
    if not _is_valid(request):
        exchange.refuse(400, "Malformed WebSocket upgrade")
        return
    if headers.get("sec-websocket-version") != "13":
        exchange.refuse(426, "WebSocket version 13 only", b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        return
    lines = b""
    if options.ws_protocol:
        if options.ws_protocol not in [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]:
            exchange.refuse(400, "Unknown subprotocol")
            return
        lines += f"Sec-WebSocket-Protocol: {options.ws_protocol}\r\n".encode()
    if context.browser is None:
        context.browser = new_browser(exchange.mount.server.random_bytes)
        lines += set_cookie(context.browser, options, secure=context.secure)
    lines += exchange.further_headers()
    key = frames.accept_key(headers["sec-websocket-key"])
    _open(exchange.connection, exchange, key, lines)


def _open(connection: Connection, exchange: HttpExchange, key: str, lines: bytes) -> None:
    socket = WebSocket(exchange)
    connection.upgrade(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key.encode() + b"\r\n" + lines + b"\r\n",
        socket,
        exchange.context.options,
    )
    connection.look_at(socket.look(connection.door.clock()))


def _is_valid(request: HttpRequest) -> bool:
    """RFC 6455, 4.2.1; a body would be read as frames."""
    try:
        key = base64.b64decode(request.headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        return False
    return (
        request.method == "GET"
        and request.version != "1.0"
        and "upgrade" in request.tokens("connection")
        and len(key) == 16
        and not request.body
    )
