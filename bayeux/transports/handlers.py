"""The door in somebody's Tornado application: the first request of a connection, then adopted.

Tornado reads the head of a request for one of our mounts; before it reads the body the connection is
detached from it, and the head is put in front of what follows. So every request, whatever its
door, is read and judged by the same code.

Rules: SEC-19, SEC-L4, SEC-L7, WS-1; architecture §7.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import Context
from typing import Any

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, SSLIOStream
from tornado.web import Application, RequestHandler, stream_request_body

from bayeux.transports.adopt import Door
from bayeux.transports.adopted.carrier import Returned, buffered, peer_of
from bayeux.transports.adopted.connection import GiveBack
from bayeux.transports.mount import Mount


class Entrance:
    """Where connections of a Tornado application become ours.

    Args:
        mounts: what is served as Bayeux, at least one.
        http_server: gets a connection back that asks for something else. Without it the application
            does, with the parameters of the server that had it; then ``xheaders`` do not work for it, and
            ``close_all_connections`` does not know it.
    """

    def __init__(self, mounts: Iterable[Mount], http_server: HTTPServer | None = None) -> None:
        self.mounts: tuple[Mount, ...] = tuple(mounts)
        self._http_server = http_server
        self._door: Door | None = None

    def door(self) -> Door:
        """Whose connections they become; made with the first, and with the first after ``close``."""
        if self._door is None:
            # In a fresh context: what hooks left in that of this one request is nothing to other connections.
            self._door = Context().run(Door, self.mounts, self.mounts[0].server.options)
        return self._door

    def give_back(self, application: Application, request: HTTPServerRequest) -> GiveBack:
        """How the connection of this request is given back to Tornado."""
        if self._http_server is not None:
            return self._http_server.handle_stream
        former = request.server_connection

        def serve(stream: IOStream, address: Any) -> None:
            if isinstance(former, HTTP1ServerConnection):
                HTTP1ServerConnection(stream, former.params, former.context).start_serving(application)

        return serve

    def close(self) -> None:
        """Abort the connections that came in here."""
        door, self._door = self._door, None
        if door is not None:
            door.close()


@stream_request_body
class BayeuxHandler(RequestHandler):
    """Takes the connection of a request for a mount; it has no answer of its own."""

    def initialize(self, entrance: Entrance) -> None:
        """Tornado: the arguments of the route."""
        self.entrance = entrance

    async def prepare(self) -> None:
        """Tornado: the head was read, the body was not."""
        request = self.request
        give_back = self.entrance.give_back(self.application, request)
        stream = self.detach()
        if (
            isinstance(stream, Returned) and stream.home is not None
        ):  # it was ours before: it comes home, and stays counted there
            door, give_back = stream.home
            stream.on_close = None
        else:
            door = self.entrance.door()
        head = _head(request)
        if isinstance(stream, SSLIOStream):
            door.adopt_stream(stream, give_back, head)
            return
        if stream.closed():
            return
        try:
            stream.set_nodelay(True)  # the duplicate is the same connection
            connected = stream.socket.dup()
        except OSError:  # SEC-90: no descriptor is left
            stream.close()
            return
        first_bytes = head + buffered(stream)
        stream.close()
        try:
            door.adopt(connected, peer_of(connected.getpeername()), give_back, first_bytes)
        except OSError:  # it has gone meanwhile, or the door is closed
            connected.close()


def _head(request: HTTPServerRequest) -> bytes:
    """The head as the client sent it, but for the spelling of names."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.get_all())
    return f"{request.method} {request.uri} {request.version}\r\n{lines}\r\n".encode("latin-1")
