"""One TCP connection of ours: HTTP with keep-alive, and then maybe a WebSocket; bytes in, bytes out.

Owns the order of its requests, its time-outs and its backpressure. What a request means is the
door's affair; what carries the bytes, the carrier's. One request is served at a time: what is
pipelined behind it waits, and is not read beyond ``header_bytes``.

Cost model: at rest a connection is this object, its carrier and two entries in dictionaries: what a request
in a moment would make use of is let go a fifth of a second after the last one. A WebSocket
frame out is one ``carrier.write``; a frame in passes one method of this class.

Rules: SES-8, WS-9, WS-21, LP-11…LP-13, ENC-4, SEC-19, SEC-L4…L7, SEC-L17, SEC-91.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from tornado.iostream import IOStream

from bayeux.protocol.options import Options
from bayeux.transports.adopted.carrier import Carrier
from bayeux.transports.adopted.http import CONTINUE, HttpRefused, HttpRequest, RequestReader, response

if TYPE_CHECKING:
    from bayeux.transports.adopt import Door
    from bayeux.transports.mount import Mount
    from bayeux.transports.provenance import Provenance

GiveBack = Callable[[IOStream, Any], None]
"""Takes a stream and the peer's address, as ``HTTPServer.handle_stream`` does."""

# Seconds without a request after which a connection lets go of what it could learn again. Were it longer, what
# thousands who come at once leave behind would lie between what stays, and keep its pages.
REST = 0.2
LINGER = 1.0  # seconds for a refused peer to read the answer before the close resets the connection


class Stage(Enum):
    """Where a connection stands between two requests."""

    IDLE = "idle"
    HEAD = "head"
    """A request has begun, its head is incomplete (SEC-L4)."""
    BODY = "body"
    """Its head is complete, its body is not (SEC-L5)."""
    SERVING = "serving"
    """A request is owed its answer, or the WebSocket lives."""
    LEAVING = "leaving"
    """Answered for the last time; what still comes is thrown away."""
    GONE = "gone"


_BETWEEN_REQUESTS = frozenset((Stage.IDLE, Stage.HEAD, Stage.BODY))
_SERVING = Stage.SERVING
_AT_REST = frozenset((Stage.IDLE, Stage.SERVING))
_UNUSED = RequestReader()  # of connections that read no request at the moment: nothing is ever fed to it


class Occupant(Protocol):
    """What is being served: a long poll or a WebSocket."""

    def rest(self) -> None:
        """Nothing happens for a while: hold only what is still needed."""

    def lost(self) -> None:
        """The connection has gone."""

    def write_paused(self) -> None:
        """The peer reads too slowly."""

    def write_resumed(self) -> None:
        """The peer has read everything."""


class Socket(Occupant, Protocol):
    """An occupant that stays: it takes everything the connection receives."""

    def received(self, data: bytes) -> None:
        """The peer sent this."""

    def look(self, now: float) -> float:
        """Do what is due; when to look again."""


class Connection:
    """Serves what one peer asks for.

    Args:
        give_back: takes the connection when a request is not for one of the door's mounts; without
            it such a request gets 404.
    """

    __slots__ = (
        "_backlog",
        "_deadline",
        "_give_back",
        "_has_unread",
        "_is_busy",
        "_is_reading",
        "_mount",
        "_progress_at",
        "_reader",
        "_task",
        "carrier",
        "door",
        "next_look",
        "occupant",
        "options",
        "provenance",
        "socket",
        "stage",
    )

    scope: None = None  # of ASGI servers alone

    def __init__(self, door: Door, carrier: Carrier, give_back: GiveBack | None) -> None:
        self.door: Door = door
        self.carrier: Carrier = carrier
        self.options: Options = door.options
        self.stage: Stage = Stage.IDLE
        self.occupant: Occupant | None = None
        self.socket: Socket | None = None
        self.provenance: Provenance | None = None
        self.next_look: float = 0.0
        self._give_back = give_back
        self._reader = _UNUSED
        self._mount: Mount | None = None  # of the request that is being read
        self._task: asyncio.Future[Any] | None = None
        self._is_busy = False  # something awaitable has to end before more is read
        self._is_reading = True
        self._has_unread = False  # of a request that was refused
        self._deadline = 0.0  # of the stage
        self._progress_at = 0.0  # since when the peer has taken nothing of what is unsent; 0.0 when all is sent
        self._backlog = 0  # bytes unsent at that time
        self.expect(self.options.keepalive_idle)

    # -- the carrier tells -------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """The peer sent this."""
        if self.socket is not None:
            self.socket.received(data)
        elif self.stage is not Stage.LEAVING:
            if self._reader is _UNUSED:
                self._reader = RequestReader()
            self._reader.feed(data)
            self._advance()

    def write_paused(self) -> None:
        """The peer reads slower than we write: it has some time to go on (SEC-L17)."""
        now = self._progress_at = self.door.clock()
        self._backlog = self.carrier.unsent
        self.door.deadlines.watch(self, now + self.options.ws_write_timeout)
        if self.occupant is not None:
            self.occupant.write_paused()
        self._adjust_reading()

    def write_resumed(self) -> None:
        """The peer has read everything."""
        self._progress_at = 0.0
        if self.stage is Stage.LEAVING:
            self.expect(LINGER)
        if self.occupant is not None:
            self.occupant.write_resumed()
        self._advance()

    def lost(self) -> None:
        """The connection has gone: whoever is served is told at once (SES-8)."""
        if self.stage is Stage.GONE:
            return
        self._enter(Stage.GONE)
        self.door.gone(self)
        if self._task is not None:
            self._task.cancel()
        occupant, self.occupant, self.socket = self.occupant, None, None
        if occupant is not None:
            occupant.lost()

    # -- requests ----------------------------------------------------------------------------

    def _advance(self) -> None:
        """Serve the next request, if it is whole and nothing is in its way."""
        if self.stage in _BETWEEN_REQUESTS and not self._progress_at:
            self._serve_next()
        if self._reader.waiting or not self._is_reading:
            self._adjust_reading()

    def _serve_next(self) -> None:
        try:
            request = self._next_request()
        except HttpRefused as refusal:
            self._refuse(refusal)
            return
        if request is not None and self._mount is not None:
            mount, self._mount = self._mount, None
            self._enter(Stage.SERVING)
            is_looked_at = self.provenance is not None
            self.door.serve(self, mount, request)
            if not is_looked_at and self.socket is None and self.stage in _AT_REST:
                self.look_at(self.door.clock() + REST)

    def _next_request(self) -> HttpRequest | None:
        reader, provenance = self._reader, self.provenance
        if self._mount is None:
            if provenance is not None:
                options = self.options = provenance.mount.options("long-polling")
                repeated = reader.read_repeated(provenance.head, options.header_bytes, options.max_message_size)
                if repeated is not None:
                    self._mount = provenance.mount
                    return repeated
            self._mount = self._next_mount()
            if self._mount is None:
                return None
            self.options = self._mount.options("long-polling")
        options, known = self.options, None if provenance is None else provenance.head
        request = reader.read(
            options.header_bytes,
            options.max_message_size,
            accepts_gzip=options.accept_gzip_requests,
            known=known,
        )
        if request is None:
            self._progress(Stage.HEAD if reader.head is None else Stage.BODY)
        return request

    def _next_mount(self) -> Mount | None:
        """Whom the request is for that begins; None if that cannot be seen yet, or it is somebody else's."""
        reader, provenance = self._reader, self.provenance
        if not reader.waiting:
            return None
        if provenance is not None and reader.begins_like(provenance.head):
            return provenance.mount
        target = reader.target(self.options.header_bytes)
        if target is None:
            if reader.waiting:
                self._progress(Stage.HEAD)
            return None
        mount = self.door.mount_of(target)
        if mount is None:
            self._part()
        return mount

    def _progress(self, stage: Stage) -> None:
        """Part of a request is there: the clock of its stage runs from the stage's first byte."""
        if stage is self.stage:
            return
        self._enter(stage)
        self.expect(self.options.header_timeout if stage is Stage.HEAD else self.options.body_timeout)
        if self._reader.wants_continue:
            self.carrier.write(CONTINUE)

    def _part(self) -> None:
        """A request for somebody else: it and what follows is theirs."""
        if self._give_back is None:
            raise HttpRefused(404, "Not found")
        self.door.give_back(self, self._reader.waiting, self._give_back)
        self._enter(Stage.GONE)

    def _refuse(self, refusal: HttpRefused) -> None:
        self._has_unread = True
        self._enter(Stage.SERVING)
        self.door.refuse(self, self._mount, refusal)

    # -- answers -----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write now; a peer that leaves more than ``ws_max_write_buffer`` unread is cut off (WS-21)."""
        if self._progress_at:
            self._backlog += len(data)
            if self.carrier.unsent + len(data) > self.options.ws_max_write_buffer:
                self._cut_off()
                return
        self.carrier.write(data)

    @property
    def peer(self) -> str:
        """See Requester."""
        return self.carrier.peer

    @property
    def secure(self) -> bool:
        """See Requester."""
        return self.carrier.secure

    def answer(
        self, status: int, body: bytes, lines: bytes, *, content_type: str, is_head: bool, keep_alive: bool
    ) -> int:
        """The response to the request being served; after it the next one, or the end (``Requester``)."""
        data = response(status, body, lines, content_type=content_type, is_head=is_head)
        if self.stage is _SERVING:
            self.occupant = None
            self.write(data)
            if self.stage is _SERVING:  # not cut off
                self._go_on_after_answer(keep_alive)
        return len(data)

    def _go_on_after_answer(self, keep_alive: bool) -> None:
        if not keep_alive:
            if self._has_unread or self._reader.waiting:
                self.linger()
            else:
                self.close()
            return
        self.stage = Stage.IDLE
        self.expect(self.options.keepalive_idle)
        if self._reader.waiting:
            self.door.call_soon(self._advance)
        if not self._is_reading:
            self._adjust_reading()

    def upgrade(self, response: bytes, socket: Socket, options: Options) -> None:
        """Answer with ``response`` and belong to ``socket`` from now on."""
        self.write(response)
        rest, self._reader, self.provenance = self._reader.waiting, _UNUSED, None
        self.occupant = self.socket = socket
        self.options = options
        if self._progress_at:
            socket.write_paused()
        if rest:
            self.door.call_soon(self._replay, rest)

    def _replay(self, data: bytes) -> None:
        if self.socket is not None:
            self.socket.received(data)

    def close(self) -> None:
        """Close after what was written."""
        self._leave()
        self.carrier.close()

    def linger(self) -> None:
        """Close after what was written, although the peer goes on sending.

        A close with unread input resets the connection, and the peer may never see the answer: so it
        is told that nothing follows, and has a moment to close first.
        """
        self._leave()
        self.carrier.finish()
        if not self._progress_at:
            self.expect(LINGER)
        self._adjust_reading()

    def _leave(self) -> None:
        self._enter(Stage.LEAVING)
        self.occupant = self.socket = None
        self._reader, self.provenance = _UNUSED, None

    def abort(self) -> None:
        """Close at once."""
        self.carrier.abort()
        self.lost()

    def wait_for(self, work: Awaitable[None]) -> None:
        """Read nothing more until ``work`` is done (WS-9); it is cancelled if the connection is lost."""
        self._task = asyncio.ensure_future(work)
        self.hold_reading(self._task)

    def hold_reading(self, work: asyncio.Future[None]) -> None:
        """Read nothing more until ``work`` is done (WS-9)."""
        self._is_busy = True
        self._adjust_reading()
        work.add_done_callback(self._go_on)

    def _go_on(self, work: asyncio.Future[None]) -> None:
        self._is_busy = False
        self._task = None
        self._adjust_reading()

    # -- reading and time --------------------------------------------------------------------

    def _adjust_reading(self) -> None:
        is_enough = self.stage is Stage.SERVING and len(self._reader.waiting) > self.options.header_bytes
        is_wanted = self.stage is Stage.LEAVING or not (self._progress_at or self._is_busy or is_enough)
        if is_wanted is not self._is_reading and self.stage is not Stage.GONE:
            self._is_reading = is_wanted
            self.carrier.read_on(is_wanted)

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self._deadline = 0.0

    def expect(self, seconds: float) -> None:
        """What is going on may last so long; then the connection is aborted."""
        if self.stage is not Stage.GONE:
            deadline = self._deadline = self.door.clock() + seconds
            if not 0.0 < self.next_look <= deadline:
                self.door.deadlines.watch(self, deadline)

    def look_at(self, when: float) -> None:
        """Have it looked at by then; its socket tells by itself when next."""
        self.door.deadlines.watch(self, when)

    def look(self, now: float) -> float:
        """Do what is due (``Deadlines``)."""
        if self._progress_at and self._progress_at + self.options.ws_write_timeout <= now:
            if self.carrier.unsent >= self._backlog:
                self._cut_off()
                return 0.0
            self._progress_at, self._backlog = now, self.carrier.unsent
        if self._deadline and self._deadline <= now:
            if self.stage is Stage.HEAD:
                self.door.rejected("SEC-L4")
            elif self.stage is Stage.BODY:
                self.door.rejected("SEC-L5")
            self.abort()
        due = [self.socket.look(now) if self.socket is not None else self._rest(now), self._deadline]
        if self._progress_at:
            due.append(self._progress_at + self.options.ws_write_timeout)
        return 0.0 if self.stage is Stage.GONE else min(filter(None, due), default=0.0)

    def _rest(self, now: float) -> float:
        """Let go of what a request in a moment would make use of: idle connections are many, and it is most of each.

        Returns when to look again whether there is time for it; 0.0 for never.
        """
        if self.stage not in _AT_REST:
            return now + REST if self.provenance is not None else 0.0
        if self.provenance is not None and self.provenance.take_use():
            return now + REST
        self.provenance = None
        if not self._reader.waiting:
            self._reader = _UNUSED
        if self.occupant is not None:
            self.occupant.rest()
        return 0.0

    def _cut_off(self) -> None:
        self.door.rejected("SEC-L17")
        self.abort()
