"""What carries a connection's bytes: an asyncio transport, or a detached Tornado stream (TLS).

Both tell the connection what they received, when the peer stops reading and when it goes on,
and once that the connection has gone. Both can be turned into a Tornado stream that begins
with bytes already received.

Cost model: a read goes into one buffer that all connections of a door share, a write straight
to the socket; nothing is kept for a connection at rest.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

if TYPE_CHECKING:
    from bayeux.transports.adopt import Door
    from bayeux.transports.adopted.connection import GiveBack

READ_SIZE = 64 * 1024  # asyncio's own 256 KiB cost 16 microseconds of memory mapping a read


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
    address: Any
    """Its address as the socket tells it."""
    secure: bool
    """Whether TLS is ours, in this process."""

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


class AsyncioCarrier(asyncio.BufferedProtocol):
    """A plain TCP connection on an asyncio transport."""

    __slots__ = ("_buffer", "_connect", "_receiver", "_transport", "address", "peer")

    secure = False

    def __init__(self, buffer: memoryview, connect: Callable[[AsyncioCarrier], Receiver]) -> None:
        """``buffer`` is shared: what is read is copied out of it before anything else is read."""
        self._buffer = buffer
        self._connect = connect
        self._receiver: Receiver | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the transport is ready."""
        self._transport = cast(asyncio.Transport, transport)
        # Then `pause_writing` means that something is unsent, `resume_writing` that nothing is.
        self._transport.set_write_buffer_limits(0)
        self.address: Any = transport.get_extra_info("peername")
        self.peer: str = peer_of(self.address)
        self._receiver = self._connect(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where to read into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: so much was read."""
        if self._receiver is not None:
            self._receiver.received(bytes(self._buffer[:nbytes]))

    def pause_writing(self) -> None:
        """asyncio: something is unsent."""
        if self._receiver is not None:
            self._receiver.write_paused()

    def resume_writing(self) -> None:
        """asyncio: nothing is unsent."""
        if self._receiver is not None:
            self._receiver.write_resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection has gone."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost()

    @property
    def unsent(self) -> int:
        """See Carrier."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """See Carrier."""
        self._transport.write(data)

    def read_on(self, is_wanted: bool) -> None:
        """See Carrier."""
        if is_wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def finish(self) -> None:
        """See Carrier."""
        with suppress(OSError):  # the peer has just gone, which is told by its own event
            self._transport.write_eof()

    def close(self) -> None:
        """See Carrier."""
        self._transport.close()

    def abort(self) -> None:
        """See Carrier."""
        self._transport.abort()

    def release(self, first_bytes: bytes, on_close: Callable[[], None]) -> Returned:
        """See Carrier. The transport keeps its own descriptor and closes that; the connection lives on in ours."""
        self._receiver = None
        shared: TransportSocket = self._transport.get_extra_info("socket")
        stream = ReturnedStream(shared.dup(), first_bytes, on_close)
        self._transport.abort()
        return stream


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
        self.address: Any = _peer_name(stream)
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


def _peer_name(stream: IOStream) -> Any:
    try:
        return stream.socket.getpeername()
    except OSError:  # it has gone already; reading will tell
        return None


def peer_of(address: Any) -> str:
    """The host of a socket address; empty for other than internet sockets."""
    return str(address[0]) if isinstance(address, tuple) else ""
