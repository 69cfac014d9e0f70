"""The management of one node: what it is made of.

Source: MG-1, AUTH-4.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from gateway.auth.passwords import hash_password
from gateway.config.model import Config
from gateway.http.pages import Pages
from gateway.management.handler import Surroundings
from gateway.management.reception import Reception
from gateway.management.routes import Route, management_routes
from gateway.services.configuration import ROOM, Configuration
from gateway.services.editing import Editing
from gateway.store.store import Store


class ManagementSide:
    """Everything that administrators can ask of this node; ``close`` it at the end.

    Args:
        configuration: what they change.
        pages: tells who a client is behind its proxies.
        store: open while requests are served.
        root: of version 1, such as ``/genesys/1``.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        configuration: Configuration,
        pages: Pages,
        store: Store,
        *,
        root: str,
        max_json_depth: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reception = Reception(config.management, config.auth, store.room(ROOM), clock=clock)
        self.routes: list[Route] = management_routes(
            Surroundings(
                editing=Editing(configuration, _hashed),
                reception=self._reception,
                pages=pages,
                root=root,
                max_json_depth=max_json_depth,
            )
        )
        """For a Tornado application, before those of customers."""

    def close(self) -> None:
        """Check no more passwords."""
        self._reception.close()


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(hash_password, password)
