"""The gateway's own door, sign-in and pages on a port of their own; what is behind them, a test plays."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tornado.httpserver import HTTPServer

from bayeux.server.server import BayeuxServer
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from gateway.agents.operations import AgentService
from gateway.api.resource import Surroundings
from gateway.api.signing_in import Reception
from gateway.auth.agents import Agents
from gateway.http.pages import Pages
from gateway.http.routes import public_application
from gateway.observe.health import Health
from gateway.observe.loop_lag import LoopLag


class Played:
    """Served while the block lasts; ``routes`` are what the test answers itself."""

    port: int

    def __init__(
        self, server: BayeuxServer, mount: Mount, agents: Agents, service: AgentService, routes: Sequence[Any] = ()
    ) -> None:
        self.server = server
        self._agents = agents
        around = Surroundings(
            service=service,
            reception=Reception(agents, demands_csrf_token=True),
            pages=Pages(mount),
            max_json_depth=mount.options("long-polling").max_json_depth,
        )
        self._http = HTTPServer(public_application([mount], around, Health(LoopLag()), routes))
        self._listener = Listener([mount], self._http)

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.port = self._listener.listen(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close()
        await self._http.close_all_connections()
        await self.server.stop()
        self._agents.close()
