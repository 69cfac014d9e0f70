"""The event loop of a generator: non-blocking sockets and timers, nothing else.

One ``epoll`` and one plain call for each ready socket: no future, task or closure for a message, or the generator
would measure itself. Waits below ten milliseconds end with a microsecond's precision, so that an open loop keeps time
without spinning.
"""

from __future__ import annotations

import errno
import heapq
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

_READ_SIZE = 65536
_EVENTS_A_TURN = 32  # a turn of reads takes 0.2 ms: no publish is later than that
_PRECISE_BELOW = 0.01  # seconds; epoll counts in milliseconds
_LONGEST_WAIT = 0.1
MAX_UNSENT = 8 * 1024 * 1024  # bytes of one connection; more means that the server takes less than is sent

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Stopped(Exception):
    """What runs in the loop cannot go on; the text says why."""


class Loop:
    """One for each generator; ``close`` it."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self._closing: list[socket.socket] = []

    def run(self, is_done: Callable[[], bool]) -> None:
        """Turn until ``is_done`` says so, which is asked after each turn."""
        while not is_done():
            self.turn()

    def turn(self) -> None:
        """Wait for what comes first, and treat it."""
        for descriptor, events in self._wait():
            treat = self._ready.get(descriptor)
            if treat is not None:
                treat(events)
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()
        if self._closing:
            # A descriptor that is free at once could be given again in the same turn, and get another one's events.
            for sock in self._closing:
                sock.close()
            self._closing.clear()

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        """Call once, at a time of ``time.monotonic``; there is no way to take it back."""
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, call))

    def watch(self, descriptor: int, events: int, treat: Callable[[int], None]) -> None:
        """Call ``treat`` with the events of a descriptor, as long as there are some."""
        self._ready[descriptor] = treat
        self._poll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        """Watch for others."""
        self._poll.modify(descriptor, events)

    def forget(self, sock: socket.socket) -> None:
        """Watch no more, and close it at the end of the turn."""
        self.forget_descriptor(sock.fileno())
        self._closing.append(sock)

    def forget_descriptor(self, descriptor: int) -> None:
        """Watch no more, and leave it open."""
        if self._ready.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def close(self) -> None:
        """Close what is to be closed, and the poll."""
        for sock in self._closing:
            sock.close()
        self._poll.close()

    def _wait(self) -> list[tuple[int, int]]:
        seconds = _LONGEST_WAIT
        if self._timers:
            seconds = min(seconds, self._timers[0][0] - time.monotonic())
        if seconds <= 0:
            return self._poll.poll(0, _EVENTS_A_TURN)
        if seconds < _PRECISE_BELOW:
            select.select([self._poll], [], [], seconds)
            return self._poll.poll(0, _EVENTS_A_TURN)
        return self._poll.poll(seconds, _EVENTS_A_TURN)


@dataclass(frozen=True, slots=True)
class Address:
    """Where connections go, looked up once."""

    family: socket.AddressFamily
    sockaddr: tuple[str | int, ...]
    host: str
    """The name in certificates."""
    tls: ssl.SSLContext | None = None


class Connection:
    """A stream socket to the server: bytes in, bytes out, and what a subclass makes of them.

    Opens with ``open``; what is written earlier goes out when it is open.
    """

    __slots__ = ("_address", "_is_open", "_loop", "_sock", "_unsent")

    def __init__(self, loop: Loop, address: Address) -> None:
        self._loop = loop
        self._address = address
        self._sock: socket.socket | None = None
        self._is_open = False
        self._unsent = bytearray()

    # For subclasses ----------------------------------------------------------------------------

    def received(self, received: bytes) -> None:
        """Bytes have come; never empty."""
        raise NotImplementedError

    def lost(self, words: str) -> None:
        """The connection has gone, or never was; it may be opened again."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """It is neither open nor being opened."""
        return self._sock is None

    def open(self) -> None:
        """Begin to connect."""
        address = self._address
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent.clear()
        code = sock.connect_ex(address.sockaddr)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self._loop.call_at(0.0, lambda: self.lost(_told(code)))
            return
        if address.tls is not None:
            sock = address.tls.wrap_socket(sock, server_hostname=address.host, do_handshake_on_connect=False)
        self._sock = sock
        self._is_open = False
        self._loop.watch(sock.fileno(), _WRITE, self._treat)

    def write(self, frame: bytes) -> None:
        """Send now what fits, the rest as soon as it does.

        Raises Stopped if the server has not taken megabytes.
        """
        sock = self._sock
        if sock is None or not self._is_open or self._unsent:
            self._unsent += frame
            if len(self._unsent) > MAX_UNSENT:
                raise Stopped("the server does not take what is sent: lower the rate, or the window")
            return
        try:
            sent = sock.send(frame)
        except _NOT_NOW:
            sent = 0
        except OSError as error:
            self.fail(_told(error.errno))
            return
        if sent < len(frame):
            self._unsent += frame[sent:]
            self._loop.change(sock.fileno(), _READ | _WRITE)

    def close(self) -> None:
        """Close; ``lost`` is not called."""
        if self._sock is not None:
            self._loop.forget(self._sock)
            self._sock = None
            self._is_open = False
            self._unsent.clear()

    def fail(self, words: str) -> None:
        """Close because of what came, or because nothing comes any more; ``lost`` is called."""
        Connection.close(self)
        self.lost(words)

    def _treat(self, events: int) -> None:
        if events == _READ and self._is_open:
            self._read()
        elif not self._is_open:
            self._become_open()
        else:
            if events & _WRITE:
                self._send_rest()
            if events & ~_WRITE:
                self._read()

    def _read(self) -> None:
        sock = self._sock
        if sock is None:
            return
        try:
            received = sock.recv(_READ_SIZE)
        except _NOT_NOW:
            return
        except OSError as error:
            self.fail(_told(error.errno))
            return
        if not received:
            self.fail("connection closed by the server")
            return
        self.received(received)
        if self._address.tls is not None and self._sock is sock and sock.pending():  # type: ignore[attr-defined]
            self._read()

    def _become_open(self) -> None:
        sock = self._sock
        if sock is None:
            return
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(_told(code))
            return
        if isinstance(sock, ssl.SSLSocket):
            try:
                sock.do_handshake()
            except ssl.SSLWantReadError:
                self._loop.change(sock.fileno(), _READ)
                return
            except ssl.SSLWantWriteError:
                self._loop.change(sock.fileno(), _WRITE)
                return
            except OSError as error:
                self.fail(f"TLS: {error}")
                return
        self._is_open = True
        self._loop.change(sock.fileno(), _READ)
        if self._unsent:
            first = bytes(self._unsent)
            self._unsent.clear()
            self.write(first)

    def _send_rest(self) -> None:
        sock = self._sock
        assert sock is not None
        try:
            del self._unsent[: sock.send(self._unsent)]
        except _NOT_NOW:
            return
        except OSError as error:
            self.fail(_told(error.errno))
            return
        if not self._unsent:
            self._loop.change(sock.fileno(), _READ)


def _told(code: int | None) -> str:
    return os.strerror(code or 0).lower()
