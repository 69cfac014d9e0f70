"""The ways into a server: the listener, a handler in a Tornado application, the same behind TLS, and ASGI."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from bayeux.protocol.options import Options
from bayeux.server.current import current_message
from bayeux.server.server import BayeuxServer
from bayeux.transports.asgi import BayeuxASGI
from bayeux.transports.handlers import Entrance
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers, rules_of
from tests.support.asgi_server import AsgiServer
from tests.support.wire import WAIT

DOORS = ("listener", "handler", "tls")
"""Those that write the same bytes; ``asgi`` leaves headers to its server."""
PLAIN_DOORS = ("listener", "handler")


class Elsewhere(RequestHandler):
    """What is not Bayeux: Tornado's own part of the port."""

    def get(self) -> None:
        self.write(f"elsewhere {self.request.path}")

    def post(self) -> None:
        self.write(f"posted {len(self.request.body)}")

    def put(self) -> None:
        self.write(f"while {current_message()} is handled")


@dataclass(frozen=True)
class House:
    """A server being served."""

    server: BayeuxServer
    mount: Mount
    port: int
    tls: bool
    listener: Listener | None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/cometd"

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def open_house(
    door: str = "listener",
    options: Mapping[str, Any] | None = None,
    *,
    clock: Callable[[], float] | None = None,
    **mounting: Any,
) -> AsyncIterator[House]:
    """A started server with one mount at ``/cometd``, and Tornado beside it (not behind the door ``asgi``)."""
    settings = Options(**(options or {}))
    server = BayeuxServer(settings) if clock is None else BayeuxServer(settings, clock=clock)
    async with server:
        mount = Mount(server, "/cometd", **mounting)
        if door == "listener":
            tornado = HTTPServer(Application([*make_handlers(mount), (r"/.*", Elsewhere)]))
            listener = Listener([mount], tornado)
            try:
                yield House(server, mount, listener.listen(0), False, listener)
            finally:
                await listener.close()
                await tornado.close_all_connections()
        elif door == "asgi":
            async with AsgiServer(BayeuxASGI(mount), bind_unused_port()[0]) as uvicorn:
                yield House(server, mount, uvicorn.port, False, None)
        else:
            entrance = Entrance([mount])
            application = Application([*rules_of(entrance), (r"/.*", Elsewhere)])
            tornado = HTTPServer(application, ssl_options=server_context() if door == "tls" else None)
            listening, port = bind_unused_port()
            tornado.add_socket(listening)
            try:
                yield House(server, mount, port, door == "tls", None)
            finally:
                tornado.stop()
                entrance.close()
                await tornado.close_all_connections()


def server_context() -> ssl.SSLContext:
    """A certificate of our own making, for 127.0.0.1."""
    from tests.support.certificates import certified

    return certified("127.0.0.1").server


async def until(condition: Callable[[], object]) -> None:
    """Wait until something that nobody announces has happened; TimeoutError if it does not."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - the server has no events for its tests
            await asyncio.sleep(0.001)
