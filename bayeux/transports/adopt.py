"""Taking a connection over, and giving it back to Tornado.

Two doors lead here: the listener, which has accepted the connection itself, and the handler in
somebody's Tornado application, which has read its first request. What all connections of one
door share stands in ``Door``.

Rules: SES-8, LP-12, SEC-2, SEC-3; architecture: nothing per connection that can be shared.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextvars import Context
from functools import partial

from tornado.iostream import SSLIOStream

from bayeux.protocol.options import Options
from bayeux.server.deadlines import Deadlines
from bayeux.server.server import BayeuxServer
from bayeux.transports import endpoint
from bayeux.transports.adopted.carrier import SocketCarrier, StreamCarrier
from bayeux.transports.adopted.connection import Connection, GiveBack
from bayeux.transports.adopted.http import HttpRefused, HttpRequest
from bayeux.transports.adopted.readiness import readiness
from bayeux.transports.adopted.websocket import upgrade
from bayeux.transports.mount import Mount, mount_of


class Door:
    """The connections that came in one way, and what they share.

    Make it on a running event loop.

    Args:
        mounts: what is served here, at least one.
        options: the limits of connections before it is known which mount they are for.
        on_close: told the peer's address each time a connection has gone, also one given back.
    """

    def __init__(
        self, mounts: Iterable[Mount], options: Options, on_close: Callable[[str], None] | None = None
    ) -> None:
        self._mounts = tuple(mounts)
        self._by_path = {mount.path: mount for mount in reversed(self._mounts)}
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._readiness = readiness()
        self._is_closed = False
        self.options = options
        self.server: BayeuxServer = self._mounts[0].server
        self.clock: Callable[[], float] = self.server.clock
        self.deadlines: Deadlines = Deadlines(self.clock, partial(self._loop.call_at, context=Context()))
        self.call_soon: Callable[..., asyncio.Handle] = self._loop.call_soon
        self.connections: dict[Connection, None] = {}  # half as large as a set

    # -- in ----------------------------------------------------------------------------------

    def adopt(self, connected: socket.socket, peer: str, give_back: GiveBack | None, first_bytes: bytes = b"") -> None:
        """Take over a plain connection of which ``first_bytes`` were read already.

        Args:
            peer: its address, without the port.
            give_back: takes it again as a stream when it asks for something that is not ours.

        Raises OSError where there is no room for it, or the door is closed.
        """
        if self._is_closed:
            raise ConnectionAbortedError("the door is closed")
        connected.setblocking(False)
        self._begin(SocketCarrier(connected, peer, self._readiness), give_back, first_bytes)

    def adopt_stream(self, stream: SSLIOStream, give_back: GiveBack | None, first_bytes: bytes = b"") -> None:
        """Take over a TLS connection from the stream that Tornado has read it through."""
        self._begin(StreamCarrier(stream), give_back, first_bytes)

    def _begin(self, carrier: SocketCarrier | StreamCarrier, give_back: GiveBack | None, first_bytes: bytes) -> None:
        connection = Connection(self, carrier, give_back)
        try:
            carrier.start(connection)
        except OSError:
            self._forget(connection)
            raise
        self.connections[connection] = None
        if first_bytes:
            connection.received(first_bytes)

    # -- for connections ---------------------------------------------------------------------

    def mount_of(self, target: str) -> Mount | None:
        """Who answers a request for this target; None if it is not ours."""
        return self._by_path.get(target) or mount_of(self._mounts, target)

    def serve(self, connection: Connection, mount: Mount, request: HttpRequest) -> None:
        """Answer a whole request."""
        endpoint.serve(connection, mount, request, partial(upgrade, connection))

    def refuse(self, connection: Connection, mount: Mount | None, refusal: HttpRefused) -> None:
        """Answer a request that cannot be read."""
        if refusal.limit is not None:
            self.rejected(refusal.limit)
        endpoint.refuse(connection, mount, refusal)

    def rejected(self, limit: str) -> None:
        """Count a refusal by its limit (SEC-3)."""
        self.server.reject(limit)

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self._forget(connection)
        self._tell(connection.carrier.peer)

    def give_back(self, connection: Connection, first_bytes: bytes, give_back: GiveBack) -> None:
        """A connection is for somebody else from here on."""
        carrier = connection.carrier
        stream = carrier.release(first_bytes, lambda: self._tell(carrier.peer))
        stream.home = (self, give_back)
        self._forget(connection)
        # In a fresh context: behind a pipelined message it is that message's, which would live as long as this does.
        Context().run(give_back, stream, carrier.address)

    def _forget(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self.deadlines.forget(connection)

    def _tell(self, peer: str) -> None:
        if self._on_close is not None:
            self._on_close(peer)

    # -- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Abort every connection: whom the server has not sent away before is cut off."""
        if self._is_closed:
            return
        self._is_closed = True
        for server in {mount.server for mount in self._mounts}:
            server.flusher.finish()  # what this turn has to say
        for connection in tuple(self.connections):
            connection.abort()
        self.deadlines.stop()
        self._readiness.close()
