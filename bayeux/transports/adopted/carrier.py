"""What carries a connection's bytes: its socket, or a detached Tornado stream (TLS).

Both tell the connection what they received, when the peer stops reading and when it goes on,
and once that the connection has gone. Both can be turned into a Tornado stream that begins
with bytes already received.

Cost model: a read goes into one buffer that all connections of a door share, a write straight
to the socket; nothing is kept for a connection at rest.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from bayeux.transports.adopted.readiness import READ, READ_SIZE, WRITE, Readiness
from bayeux.transports.shared import shared

if TYPE_CHECKING:
    from bayeux.transports.adopt import Door
    from bayeux.transports.adopted.connection import GiveBack


class Receiver(Protocol):
    """Whose bytes a carrier carries: the connection."""

    def received(self, data: bytes) -> None:
        """The peer sent this."""

    def write_paused(self) -> None:
        """The socket took not all of a write; the rest waits in the carrier."""

    def write_resumed(self) -> None:
        """Nothing waits in the carrier any more."""

    def lost(self) -> None:
        """The connection has gone; the last call there is."""


class Carrier(Protocol):
    """Bytes to a peer."""

    peer: str
    """Its address, without the port."""
    secure: bool
    """Whether TLS is ours, in this process."""

    @property
    def address(self) -> Any:
        """Its address as the socket tells it."""

    @property
    def unsent(self) -> int:
        """Bytes written that the socket has not taken yet."""

    def write(self, data: bytes) -> None:
        """Write now, as far as the socket takes it; the rest as soon as it can."""

    def read_on(self, is_wanted: bool) -> None:
        """Whether to read: what the peer sends meanwhile waits in its own buffers."""

    def finish(self) -> None:
        """Tell the peer that nothing follows what was written, and go on reading (TLS: does nothing)."""

    def close(self) -> None:
        """Close after what was written."""

    def abort(self) -> None:
        """Close at once."""

    def release(self, first_bytes: bytes, on_close: Callable[[], None]) -> Returned:
        """The connection as a stream for somebody else; this carrier tells nothing any more.

        Args:
            first_bytes: what the stream begins with.
            on_close: called when the stream has been closed.
        """


class SocketCarrier:
    """A plain connection on a socket that does not block."""

    __slots__ = (
        "_is_closing",
        "_is_finished",
        "_is_free",
        "_readiness",
        "_receiver",
        "_socket",
        "_unsent",
        "_watched",
        "peer",
    )

    secure = False

    def __init__(self, connected: socket.socket, peer: str, readiness: Readiness) -> None:
        self.peer: str = peer
        self._socket = connected
        self._readiness = readiness
        self._receiver: Receiver | None = None
        self._unsent: bytearray | None = None
        self._watched = 0
        self._is_closing = False
        self._is_finished = False
        self._is_free = False  # a write may go straight to the socket: nothing is unsent, and nothing has ended

    def start(self, receiver: Receiver) -> None:
        """Tell ``receiver`` from now on. Raises OSError where the connection cannot be watched."""
        self._watch(READ)
        self._receiver = receiver
        self._is_free = True

    @property
    def address(self) -> Any:
        """See Carrier; None when the peer has gone."""
        return _address_of(self._socket)

    @property
    def unsent(self) -> int:
        """See Carrier."""
        return 0 if self._unsent is None else len(self._unsent)

    def write(self, data: bytes) -> None:
        """See Carrier."""
        if self._is_free:
            try:  # as ``_send``, without another call: nothing else is done as often
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.abort()
                return
            if sent < len(data):
                self._keep(data[sent:])
        elif self._unsent is not None and not (self._receiver is None or self._is_closing or self._is_finished):
            self._unsent += data

    def read_on(self, is_wanted: bool) -> None:
        """See Carrier."""
        if self._receiver is not None and not self._is_closing:
            self._watch(self._watched & WRITE | (READ if is_wanted else 0))

    def finish(self) -> None:
        """See Carrier."""
        self._is_finished = True
        self._is_free = False
        if self._unsent is None:
            with suppress(OSError):  # the peer has just gone, which is told by its own event
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """See Carrier."""
        self._is_closing = True
        self._is_free = False
        if self._unsent is None:
            self.abort()
        else:
            self._watch(WRITE)

    def abort(self) -> None:
        """See Carrier. The end is told in a turn of its own: who asks for it is still at work."""
        receiver, self._receiver = self._receiver, None
        self._is_free = False
        if receiver is not None:
            self._watch(0)
            self._unsent = None
            self._readiness.call_soon(self._end, receiver)

    def release(self, first_bytes: bytes, on_close: Callable[[], None]) -> Returned:
        """See Carrier."""
        self._receiver = None
        self._is_free = False
        self._watch(0)
        return ReturnedStream(self._socket, first_bytes, on_close)

    def ready(self, events: int) -> None:
        """See Watcher."""
        if self._unsent is not None and events & ~READ:
            self._send_unsent(self._unsent)
        if not (self._watched & READ and events & ~WRITE):
            return
        buffer = self._readiness.buffer
        try:
            size = self._socket.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        if not size:
            self.close()
        elif self._receiver is not None:
            self._receiver.received(bytes(buffer[:size]))

    def _keep(self, rest: bytes) -> None:
        """The socket is full: the rest goes as soon as it has room."""
        self._is_free = False
        self._unsent = bytearray(rest)
        self._watch(self._watched | WRITE)
        if self._receiver is not None:
            self._receiver.write_paused()

    def _send(self, data: bytearray) -> int:
        """Write what the socket takes of it; how much that was."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.abort()
            return len(data)

    def _send_unsent(self, unsent: bytearray) -> None:
        del unsent[: self._send(unsent)]
        if unsent or self._receiver is None:
            return
        self._unsent = None
        self._is_free = not (self._is_closing or self._is_finished)
        self._watch(self._watched & READ)
        self._receiver.write_resumed()
        if self._unsent is None and self._is_closing:
            self.abort()
        elif self._unsent is None and self._is_finished:
            self.finish()

    def _watch(self, events: int) -> None:
        if events != self._watched:
            self._readiness.watch(self._socket.fileno(), self, events)
            self._watched = events

    def _end(self, receiver: Receiver) -> None:
        try:
            receiver.lost()
        finally:
            self._socket.close()


class StreamCarrier:
    """A connection on a stream detached from Tornado, which does its TLS."""

    __slots__ = (
        "_is_closing",
        "_is_wanted",
        "_kept",
        "_reading",
        "_receiver",
        "_stream",
        "address",
        "peer",
        "unsent",
    )

    secure = True

    def __init__(self, stream: SSLIOStream) -> None:
        self._stream = stream
        stream.set_nodelay(True)
        self._receiver: Receiver | None = None
        self._is_closing = False
        self._is_wanted = True
        self._reading: asyncio.Future[bytes] | None = None
        self._kept = b""
        self.unsent: int = 0
        self.address: Any = _address_of(stream.socket)
        self.peer: str = peer_of(self.address)

    def start(self, receiver: Receiver) -> None:
        """Tell ``receiver`` from now on."""
        self._receiver = receiver
        self._stream.set_close_callback(self._on_close)
        self._read()

    def write(self, data: bytes) -> None:
        """See Carrier."""
        try:
            written = self._stream.write(data)
        except StreamClosedError:
            return  # the close callback is on its way
        if written.done():
            return
        was_empty = not self.unsent
        self.unsent += len(data)
        written.add_done_callback(lambda done: self._on_written(len(data), done))
        if was_empty and self._receiver is not None:
            self._receiver.write_paused()

    def read_on(self, is_wanted: bool) -> None:
        """See Carrier."""
        self._is_wanted = is_wanted
        if is_wanted and self._kept:
            self._stream.io_loop.add_callback(self._deliver, b"")
        elif is_wanted:
            self._read()

    def finish(self) -> None:
        """See Carrier; TLS over Tornado has no end of one direction."""

    def close(self) -> None:
        """See Carrier."""
        self._is_closing = True
        if not self.unsent:
            self._stream.close()

    def abort(self) -> None:
        """See Carrier."""
        self._stream.close()

    def release(self, first_bytes: bytes, on_close: Callable[[], None]) -> Returned:
        """See Carrier. The old stream is taken out of the loop and left; the socket goes to the new one."""
        self._receiver = None
        first_bytes += self._unread()
        self._stream.set_close_callback(None)
        self._stream.io_loop.remove_handler(self._stream.fileno())
        return ReturnedTlsStream(self._stream.socket, first_bytes, on_close, ssl_options=self._stream.socket.context)

    def _unread(self) -> bytes:
        """What has come and was not handed on, oldest first."""
        kept, self._kept = self._kept, b""
        if self._reading is None:
            return kept + buffered(self._stream)
        is_read = self._reading.done() and self._reading.exception() is None
        return kept + self._reading.result() if is_read else kept

    def _read(self) -> None:
        if self._reading is not None or self._stream.closed():
            return
        self._reading = asyncio.ensure_future(self._stream.read_bytes(READ_SIZE, partial=True))
        self._reading.add_done_callback(self._on_read)

    def _on_read(self, read: asyncio.Future[bytes]) -> None:
        self._reading = None
        try:
            data = read.result()
        except StreamClosedError:
            return  # the close callback tells
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        """Hand on what was read, unless reading was stopped while it was on its way."""
        self._kept += data
        if self._receiver is None or not self._is_wanted:
            return
        data, self._kept = self._kept, b""
        if data:
            self._receiver.received(data)
        if self._receiver is not None and self._is_wanted:
            self._read()

    def _on_written(self, size: int, done: asyncio.Future[None]) -> None:
        self.unsent -= size
        if done.exception() is not None or self.unsent:
            return
        if self._is_closing:
            self._stream.close()
        elif self._receiver is not None:
            self._receiver.write_resumed()

    def _on_close(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()


def buffered(stream: IOStream) -> bytes:
    """What a stream has received and nobody has read; the stream is of no use behind that."""
    # Or it would go on to receive, as long as the client is fast enough.
    if isinstance(stream, Returned):
        stream.receives = False
    else:
        stream.read_from_fd = lambda buf: None  # type: ignore[method-assign]
    parts: list[bytes] = []
    try:
        while (read := asyncio.ensure_future(stream.read_bytes(READ_SIZE, partial=True))).done():
            parts.append(read.result())
    except StreamClosedError:
        pass  # the client sends no more; its request is still to be answered
    return b"".join(parts)


class Returned(IOStream):
    """A stream that begins with bytes somebody else has received, and tells of its end."""

    def __init__(
        self, connected: socket.socket, first_bytes: bytes, on_close: Callable[[], None], **options: Any
    ) -> None:
        self.home: tuple[Door, GiveBack] | None = None
        """The door that gave it, and how: where it goes if it asks for us again."""
        self.on_close: Callable[[], None] | None = on_close
        self.receives: bool = True
        """Whether it goes on behind those bytes."""
        self._first_bytes = memoryview(first_bytes)
        super().__init__(connected, **options)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Tornado: fill ``buf``; the number of bytes."""
        size = min(len(buf), len(self._first_bytes))
        if not size:
            return super().read_from_fd(buf) if self.receives else None
        buf[:size] = self._first_bytes[:size]
        self._first_bytes = self._first_bytes[size:]
        return size

    def close_fd(self) -> None:
        """Tornado: the stream is over."""
        super().close_fd()
        if self.on_close is not None:
            self.on_close()


class ReturnedStream(Returned):
    """A plain connection given back to Tornado."""


class ReturnedTlsStream(Returned, SSLIOStream):
    """A TLS connection given back to Tornado."""


def _address_of(connected: socket.socket) -> Any:
    try:
        return connected.getpeername()
    except OSError:  # it has gone already; reading will tell
        return None


def peer_of(address: Any) -> str:
    """The host of a socket address; empty for other than internet sockets."""
    return shared(str(address[0])) if isinstance(address, tuple) else ""
