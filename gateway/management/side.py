"""What is configured of the customers' side, followed on one node, and how its administrators change it.

Source: MG-1, MG-20, AUTH-4, OPT-7.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bayeux.transports.mount import Mount
from gateway.auth.passwords import hash_password
from gateway.config.model import Config
from gateway.customers.http.handler import VERSION
from gateway.http.pages import Pages
from gateway.management.handler import Surroundings
from gateway.management.reception import Reception
from gateway.management.routes import Route, management_routes
from gateway.services.configuration import ROOM, Configuration, written
from gateway.services.editing import Editing
from gateway.store.store import Store


class Administration:
    """``start`` it when the store is open, before customers are served; ``stop`` it at the end.

    Args:
        mount: where customers speak Bayeux; it tells who a client is behind its proxies.
        store: open while requests are served.
        clock: seconds since 1970.
    """

    def __init__(self, config: Config, mount: Mount, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        room = store.room(ROOM)
        self.configuration = Configuration(written(config), room, clock=clock)
        self.routes: list[Route] = []
        """For a Tornado application, before those of customers; none where there is no management."""
        self._reception: Reception | None = None
        self._following: asyncio.Task[None] | None = None
        if config.management.enabled:
            self._reception = Reception(config.management, config.auth, room, clock=clock)
            around = Surroundings(
                editing=Editing(self.configuration, _hashed),
                reception=self._reception,
                pages=Pages(mount),
                root=config.server.path + VERSION,
                max_json_depth=mount.options("long-polling").max_json_depth,
            )
            self.routes = management_routes(around)

    async def start(self) -> None:
        """Take over what was changed, and follow what is changed from here on."""
        await self.configuration.begin()
        self._following = asyncio.create_task(self.configuration.run(), name="the configuration of services")

    async def stop(self) -> None:
        """Follow nothing, and check no more passwords."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._reception is not None:
            self._reception.close()


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(hash_password, password)
