"""Our server as the interoperability tests need it: on a port of its own, with the pages of a browser client beside
the Bayeux endpoint, and able to tell when something happened in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

from bayeux.protocol.message import Fields, Message
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context, Transport
from bayeux.testing import FaultProxy
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers
from tests.interop.foreign import HERE, PATIENCE
from tests.support.ports import free_port

PATH = "/cometd"
PAGE = "/pages/conversation.html"
HOST = "localhost"  # aiohttp keeps no cookies of a bare address (COOK-4)


def page_of(url: str) -> str:
    """The page with a browser client on the origin of this address."""
    return urljoin(url, PAGE)


def pages(*mounts: Mount) -> Application:
    """The browser client's page, its modules and npm ``cometd``; connections that come for a mount are handed over."""
    folders = {"pages": HERE / "pages", "clients": HERE / "clients", "modules": HERE / "node_modules"}
    return Application(
        [
            *(make_handlers(*mounts) if mounts else ()),
            *((rf"/{name}/(.*)", StaticFileHandler, {"path": str(folder)}) for name, folder in folders.items()),
        ]
    )


class Site:
    """The page alone, on an origin that has no Bayeux endpoint."""

    def __init__(self) -> None:
        self._server = HTTPServer(pages())

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def page(self) -> str:
        return page_of(self.origin)

    async def __aenter__(self) -> Site:
        sockets = bind_sockets(0, "127.0.0.1")
        self.port: int = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class ObservedServer(BayeuxServer):
    """Tells a listener whenever something happened that a test may wait for."""

    def __init__(self, options: Options, changed: Callable[[], None]) -> None:
        super().__init__(options)
        self._changed = changed
        self.listeners.session_removed.append(lambda *_: changed())

    def handle(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        task = super().handle(messages, transport, context)
        if task is None:
            self._changed()
        else:
            task.add_done_callback(lambda _: self._changed())
        return task

    def connection_lost(self, transport: Transport) -> None:
        super().connection_lost(transport)
        self._changed()


class Service:
    """A Bayeux server behind our own listener; ``/service/echo`` delivers to its sender what it was sent."""

    def __init__(self, **options: Any) -> None:
        self._options = Options(**options)
        self._change = asyncio.Event()
        self.port = free_port()

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """The Bayeux endpoint."""
        return self.origin + PATH

    @property
    def page(self) -> str:
        """A page with a browser client, from the endpoint's own origin."""
        return page_of(self.origin)

    def url_through(self, proxy: FaultProxy) -> str:
        """The endpoint behind a proxy."""
        return f"http://{HOST}:{proxy.port}{PATH}"

    async def __aenter__(self) -> Service:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def restart(self) -> None:
        """Send the clients away, stop, and start on the same port with no memory of what was."""
        await self.server.stop()
        await self._stop()
        await self._start()

    async def crash(self) -> None:
        """The same without a word to the clients."""
        await self._stop()
        await self._start()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._change.clear()
                await self._change.wait()

    async def subscribed(self, channel: str) -> None:
        """Wait until a session is subscribed to this channel."""
        await self.until(lambda: any(channel in session.subscriptions for session in self.server.sessions))

    async def holds_a_connect(self) -> None:
        """Wait until a session's connect is held."""
        await self.until(lambda: any(session.held is not None for session in self.server.sessions))

    async def held_connects_are_gone(self) -> None:
        """Wait until none is."""
        await self.until(lambda: all(session.held is None for session in self.server.sessions))

    async def _start(self) -> None:
        self.server = ObservedServer(self._options, self._change.set)
        self.server.on("/service/echo", echo)
        mount = Mount(self.server, PATH)
        self._http = HTTPServer(pages(mount))
        self._listener = Listener([mount], self._http)
        await self.server.start()
        self.port = self._listener.listen(self.port)

    async def _stop(self) -> None:
        await self._listener.close()
        await self._http.close_all_connections()
        await self.server.stop()


def echo(session: ServerSession | None, message: Message) -> None:
    """Deliver to the sender what it published."""
    if session is not None:
        session.deliver("/service/echo", message.data)
