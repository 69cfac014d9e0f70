"""The listener: accepts connections, keeps those for a Bayeux endpoint, hands all others to Tornado.

Every connection begins as ours. Its first bytes tell whether it stays: where the request line
names another path, the connection goes to ``http_server.handle_stream`` with the bytes read so far.

Source: SEC-L1…L4, SEC-2, SEC-90, DSC-11; architecture §7.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import resource
import socket
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Unpack

from tornado.httpserver import HTTPServer
from tornado.iostream import SSLIOStream
from tornado.netutil import ssl_wrap_socket

from bayeux.protocol.options import Options
from bayeux.server.rates import TokenBucket
from bayeux.server.server import BayeuxServer
from bayeux.transports.adopt import Door
from bayeux.transports.adopted.carrier import peer_of
from bayeux.transports.adopted.http import response
from bayeux.transports.mount import Mount, Mounting

log: logging.Logger = logging.getLogger(__name__)

BACKLOG = 1024
ACCEPTED_A_TURN = 100  # a flood of connections must not starve those that are there
PAUSE = 1.0  # seconds without accepting when descriptors have run out (SEC-90)
SPARE_DESCRIPTORS = 256  # SEC-L1: for logs, the store, connections to others
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Listener:
    """Serves mounts, and with ``http_server`` everything else, on listening sockets.

    Args:
        mounts: what is served as Bayeux, at least one.
        http_server: a Tornado server that listens nowhere itself; without it other paths get 404. Its
            application must hold ``make_handlers`` of the same mounts: a browser that fetched a page goes on
            to Bayeux over the same connection, which comes home through them.
        options: the limits of connections; those of the first mount's server unless given.
        ssl: serve by TLS, here in this process; one that ``ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)``
            made, with the certificate loaded.
        to_stop: a server that ends with the listener.

    Raises TypeError, ValueError for an ``ssl`` that no server can use.
    """

    def __init__(
        self,
        mounts: Iterable[Mount],
        http_server: HTTPServer | None = None,
        options: Options | None = None,
        *,
        ssl: SSLContext | None = None,
        to_stop: BayeuxServer | None = None,
    ) -> None:
        if not isinstance(ssl, SSLContext | None):
            raise TypeError(f"ssl: give an SSLContext, not {ssl!r:.80}")
        if ssl is not None and ssl.protocol is PROTOCOL_TLS_CLIENT:
            raise ValueError("ssl: that context is for clients; ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)")
        self.port: int = 0
        """Where it listens; the last of several, 0 before the first."""
        self._mounts = tuple(mounts)
        self._ssl = ssl
        self._to_stop = to_stop
        self._options = options or self._mounts[0].server.options
        self._give_back = None if http_server is None else http_server.handle_stream
        self._sockets: list[socket.socket] = []
        self._shaking_hands: set[asyncio.Task[None]] = set()
        self._by_address: Counter[str] = Counter()
        self._connections = 0
        self._max_connections = _within_descriptor_limit(self._options.max_connections)
        self._door: Door | None = None
        self._reserve: int | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._bucket = TokenBucket()

    @property
    def connections(self) -> int:
        """Connections that came through here and are open, those given to Tornado included."""
        return self._connections

    def listen(self, port: int, address: str = "127.0.0.1") -> int:
        """Listen on a port, 0 for any that is free; returns the port. Raises OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((address, port), family=family, backlog=BACKLOG)
        self.add_socket(listening)
        self.port = listening.getsockname()[1]
        return self.port

    def add_socket(self, listening: socket.socket) -> None:
        """Accept from a socket that listens already; it is ours to close."""
        if self._door is None:
            self._door = Door(self._mounts, self._options, self._on_close)
            self._reserve = _reserve_descriptor()
        listening.setblocking(False)
        with suppress(OSError):  # not TCP; what is accepted from it inherits it
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(listening)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    async def stop(self) -> None:
        """Accept no more; the connections there are go on."""
        loop = asyncio.get_running_loop()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for listening in self._sockets:
            loop.remove_reader(listening)
            listening.close()
        self._sockets.clear()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
        for task in tuple(self._shaking_hands):
            task.cancel()  # a client may take its time to shake hands
            await asyncio.wait([task])

    async def close(self) -> None:
        """Accept no more, stop the server that ends with it, and end all connections that are ours."""
        await self.stop()
        if self._to_stop is not None:
            await self._to_stop.stop()
        if self._door is not None:
            self._door.close()
            await asyncio.sleep(0)  # the carriers close their descriptors in the next turn

    async def __aenter__(self) -> Listener:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- accepting ---------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_A_TURN):
            try:
                connected, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    raise
                self._run_out(listening, error)
                return
            self._admit(connected, peer_of(address))

    def _admit(self, connected: socket.socket, peer: str) -> None:
        limit = self._refusal(peer)
        if limit is not None:
            self._mounts[0].server.reject(limit)
            self._turn_away(connected)
            return
        self._connections += 1
        self._by_address[peer] += 1
        if self._ssl is None:
            self._adopt(connected, peer)
        else:
            task = asyncio.get_running_loop().create_task(self._adopt_securely(connected, peer, self._ssl))
            self._shaking_hands.add(task)
            task.add_done_callback(self._shaking_hands.discard)

    def _refusal(self, peer: str) -> str | None:
        """The id of the limit that this connection would exceed."""
        options = self._options
        if self._max_connections and self._connections >= self._max_connections:
            return "SEC-L1"
        if options.max_connections_per_ip and self._by_address[peer] >= options.max_connections_per_ip:
            return "SEC-L2"
        now = self._mounts[0].server.clock()
        if not self._bucket.take(options.accept_rate, options.accept_rate, now):
            return "SEC-L3"
        return None

    def _adopt(self, connected: socket.socket, peer: str) -> None:
        try:
            if self._door is not None:
                self._door.adopt(connected, peer, self._give_back)
        except Exception as error:  # noqa: BLE001 - logged by _give_up
            self._give_up(connected, peer, error)

    async def _adopt_securely(self, connected: socket.socket, peer: str, ssl: SSLContext) -> None:
        try:
            connected.setblocking(False)
            stream = await self._shake_hands(connected, ssl)
            if self._door is not None:
                self._door.adopt_stream(stream, self._give_back)
        except BaseException as error:  # noqa: BLE001 - logged by _give_up
            self._give_up(connected, peer, error)

    def _give_up(self, connected: socket.socket, peer: str, error: BaseException) -> None:
        connected.close()
        self._on_close(peer)
        if not isinstance(error, (OSError, asyncio.CancelledError)):  # it has gone already, or we have
            log.error("a connection could not be taken", exc_info=error)

    async def _shake_hands(self, connected: socket.socket, ssl: SSLContext) -> SSLIOStream:
        """Begin TLS. Raises OSError if that fails, or takes longer than a head may (SEC-L4)."""
        stream = SSLIOStream(ssl_wrap_socket(connected, ssl, server_side=True, do_handshake_on_connect=False))
        try:
            async with asyncio.timeout(self._options.header_timeout):
                await stream.wait_for_handshake()
        except BaseException as error:
            stream.close()
            if isinstance(error, TimeoutError):
                self._mounts[0].server.reject("SEC-L4")
            raise
        return stream

    def _turn_away(self, connected: socket.socket) -> None:
        """503 and a close, without waiting (SEC-2); by TLS only the close."""
        if self._ssl is None:
            _answer_503(connected)
        connected.close()

    def _on_close(self, peer: str) -> None:
        self._connections -= 1
        self._by_address[peer] -= 1
        if not self._by_address[peer]:
            del self._by_address[peer]

    # -- out of descriptors ------------------------------------------------------------------

    def _run_out(self, listening: socket.socket, error: OSError) -> None:
        """Answer one client with the descriptor held in reserve, then leave the others in the backlog (SEC-90)."""
        if self._pause is not None:
            return  # another listening socket ran out in this very turn
        log.error("cannot accept connections for %.0f s: %s", PAUSE, error.strerror)
        self._mounts[0].server.reject("SEC-L1")
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
            try:
                self._turn_away(listening.accept()[0])
            except OSError:
                pass  # somebody else was faster with the descriptor
            self._reserve = _reserve_descriptor()
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
        self._pause = loop.call_later(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if self._reserve is None:
            self._reserve = _reserve_descriptor()
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.add_reader(each, self._accept, each)


async def listen(
    server: BayeuxServer,
    port: int = 8080,
    host: str = "127.0.0.1",
    *,
    ssl: SSLContext | None = None,
    http_server: HTTPServer | None = None,
    **mounting: Unpack[Mounting],
) -> Listener:
    """Serve on a port of its own, at ``/cometd`` unless ``path`` says otherwise; other paths get 404.

    A server that is not started is started; then it is stopped with the listener. Close that, or enter it::

        async with await listen(server, 8080):
            await asyncio.Event().wait()

    Args:
        port: 0 for any that is free; ``Listener.port`` tells which.
        host: an address of this machine; ``0.0.0.0`` or ``::`` for all.
        ssl, http_server: see ``Listener``.
        mounting: what ``Mount`` takes besides the server.

    Raises OSError where nothing can listen there; TypeError, ValueError for what does not make a mount.
    """
    mount = Mount(server, **mounting)
    is_ours = not server.is_started
    listener = Listener([mount], http_server, ssl=ssl, to_stop=server if is_ours else None)
    if is_ours:
        await server.start()
    try:
        listener.listen(port, host)
    except BaseException:
        await listener.close()
        raise
    return listener


def _answer_503(connected: socket.socket) -> None:
    retry = f"Retry-After: {random.randint(1, 5)}\r\nConnection: close\r\n".encode()  # noqa: S311
    connected.setblocking(False)
    try:
        connected.send(response(503, b"Too many connections", retry))
        connected.shutdown(socket.SHUT_WR)
        connected.recv(65536)  # a close with unread input would reset the answer away
    except OSError:
        pass  # it has gone, or has sent nothing yet


def _reserve_descriptor() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None  # tried again after the next pause


def _within_descriptor_limit(wanted: int) -> int:
    """SEC-L1; where descriptors are few, half of them, so that whoever else accepts in this process can."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    possible = max(soft - SPARE_DESCRIPTORS, soft // 2)
    return min(wanted, possible) if wanted else possible
