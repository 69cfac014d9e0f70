"""The ``websocket`` transport: one socket, messages in both directions at any time.

Owns what the messages of a socket mean, in what order they are taken, and when the socket is closed.
What they travel in is left to those who extend it: frames of ours (``adopted.websocket``), or those of
an ASGI server (``asgi_socket``).

Cost model: a message in is one JSON decoding and one call of the server.

Source: section 14 of the Bayeux reference; HS-9, BAT-8, MSG-4, SEC-L18.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from bayeux.protocol import frames
from bayeux.protocol.encoded import Batch
from bayeux.protocol.envelope import parse_envelope
from bayeux.protocol.errors import BodyRefused, MalformedBody, MalformedMessage
from bayeux.server.sessions import ServerSession
from bayeux.transports.adopted.http import HttpRequest
from bayeux.transports.browser import new_browser, set_cookie
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.extensible import mypyc_attr

log: logging.Logger = logging.getLogger(__name__)

MALFORMED_BEFORE_CLOSE = 3  # SEC-10

MALFORMED = b'[{"successful":false,"error":"' + MalformedMessage().wire.encode() + b'"}]'
NOTHING = b"[]"


@mypyc_attr(allow_interpreted_subclasses=True)
class WebSocket(ABC):
    """A socket at work (``Transport``).

    Whoever extends it calls ``take_message`` with each text, ``touch`` whenever anything is carried, ``lost`` once it
    has gone, and ``look`` when it is due.

    Args:
        clock: seconds, monotonic.
    """

    __slots__ = (
        "_active_at",
        "_clock",
        "_context",
        "_has_spoken",
        "_malformed",
        "_opened_at",
        "_server",
        "closed",
        "session",
        "writable",
    )

    name = "websocket"
    streaming = True
    connect_only = False

    def __init__(self, exchange: HttpExchange, clock: Callable[[], float]) -> None:
        self.closed: bool = False
        self.writable: bool = True
        self.session: ServerSession | None = None
        self._context = exchange.context
        self._server = exchange.mount.server
        self._clock = clock
        self._opened_at = self._active_at = clock()
        self._has_spoken = False
        self._malformed = 0
        self._server.counters.connections[self.name] += 1

    # -- the server tells ----------------------------------------------------------------------

    @abstractmethod
    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """See Transport (WS-11)."""

    @abstractmethod
    def say(self, text: bytes) -> None:
        """Write one text message."""

    def dismiss(self, status: int) -> None:  # noqa: B027 - nothing to do is what every socket does
        """A replaced connect is just never answered (CN-11)."""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Say good-bye; nothing else is written (WS-20)."""

    # -- the connection tells ------------------------------------------------------------------

    def lost(self) -> None:
        """The connection has gone; the session waits for the client to come back (WS-16)."""
        self.end()

    def rest(self) -> None:  # noqa: B027 - every socket needs all it has
        """See Occupant."""

    def write_paused(self) -> None:
        """The client reads too slowly: events wait in its queue, where they are counted (SEC-L16)."""
        self.writable = False

    def write_resumed(self) -> None:
        """The client has caught up."""
        self.writable = True
        if not self.closed:
            self._server.writable_again(self)

    def touch(self) -> None:
        """Something was read or written."""
        self._active_at = self._clock()

    def end(self) -> None:
        """Nothing is written from here on."""
        if not self.closed:
            self.closed = True
            self._server.counters.connections[self.name] -= 1
            self._server.connection_lost(self)

    # -- time ----------------------------------------------------------------------------------

    def look(self, now: float) -> float:
        """Close a socket that is idle or silent; when to look again, 0.0 for never."""
        options = self._context.options
        if self.closed:
            return 0.0
        if self._is_expected_to_speak and self._opened_at + options.handshake_timeout <= now:
            self._server.reject("SEC-L18")
            self.close(frames.POLICY, "No message in time")  # WS-6
        elif self._active_at + options.ws_idle_timeout <= now:
            self.close(frames.NORMAL, "Idle")  # WS-17
        else:
            return self._next_look()
        return 0.0

    @property
    def _is_expected_to_speak(self) -> bool:
        return not self._has_spoken and self._context.options.handshake_timeout > 0

    def _next_look(self) -> float:
        options = self._context.options
        idle = self._active_at + options.ws_idle_timeout
        return min(idle, self._opened_at + options.handshake_timeout) if self._is_expected_to_speak else idle

    # -- messages in ---------------------------------------------------------------------------

    def take_message(self, text: bytes) -> asyncio.Task[Any] | None:
        """Have a text message handled; the task that must be done before the next one is taken (WS-9)."""
        self._has_spoken = True
        try:
            messages = parse_envelope(text, self._context.options)
            if not messages:
                self.say(NOTHING)  # WS-8
                return None
            return self._server.handle(messages, self, self._context)
        except MalformedBody:
            self._malformed += 1
            self.say(MALFORMED)
            if self._malformed >= MALFORMED_BEFORE_CLOSE:
                self.close(frames.POLICY, "Malformed messages")
        except BodyRefused as refusal:
            self.close(refusal.close_code, "Refused")
        except Exception as error:  # noqa: BLE001 - logged by fail
            self.fail(error)
        return None

    def take_result(self, work: asyncio.Task[Any]) -> None:
        """What ``take_message`` gave is done: close if it failed."""
        if not work.cancelled() and (error := work.exception()) is not None:
            self.fail(error)

    def take_binary(self) -> None:
        """There is no binary message in Bayeux (WS-7)."""
        self.close(frames.UNSUPPORTED, "Text only")

    def fail(self, error: BaseException) -> None:
        """Something of ours raised."""
        log.error("a frame could not be processed", exc_info=error)
        self.close(frames.INTERNAL_ERROR, "Internal error")


def agreed_headers(exchange: HttpExchange, request: HttpRequest) -> bytes | None:
    """The header lines of the answer to an upgrade, the subprotocol's left out (WS-2, WS-32).

    None where the client does not offer our subprotocol; it has been refused then.
    """
    context = exchange.context
    options, lines = context.options, b""
    if options.ws_protocol:
        offered = [each.strip() for each in request.head.headers.get("sec-websocket-protocol", "").split(",")]
        if options.ws_protocol not in offered:
            exchange.refuse(400, "Unknown subprotocol")
            return None
    if context.browser is None:
        context.browser = new_browser(exchange.mount.server.random_bytes)
        lines = set_cookie(context.browser, options, secure=context.secure)
    return lines + exchange.further_headers()
