"""The customers' side of one node: what it is made of, and its part of the store.

Source: G-1, ST-13, AUTH-2.
"""

from __future__ import annotations

import secrets
from typing import Final

from bayeux.transports.mount import Mount
from gateway.config.model import Config
from gateway.customers.http.authentication import Doorkeeper
from gateway.customers.http.handler import USER_HEADER, Surroundings
from gateway.customers.http.routes import VERSION, Route, customer_routes
from gateway.customers.storage import Storage
from gateway.http.pages import Pages
from gateway.store.store import Store

ROOM: Final = "customers"
"""Nobody else reads it."""


class CustomerSide:
    """Everything that customers can ask of this node; ``close`` it at the end.

    Args:
        mount: where customers speak Bayeux; pages that may do that may ask here, too.
        store: open while requests are served.
    """

    def __init__(self, config: Config, mount: Mount, store: Store) -> None:
        self._doorkeeper = Doorkeeper(config.server, config.auth)
        around = Surroundings(
            storage=Storage(store.room(ROOM), lambda: secrets.token_hex(16)),
            doorkeeper=self._doorkeeper,
            pages=Pages(mount, allows=(USER_HEADER, "ContactCenterId")),
            root=config.server.path + VERSION,
            maximum_body=int(config.server.max_body_size),
            max_json_depth=mount.options("long-polling").max_json_depth,
        )
        self.routes: list[Route] = customer_routes(around, has_legacy_path=config.server.legacy_path)
        """For a Tornado application."""

    def close(self) -> None:
        """Check no more passwords."""
        self._doorkeeper.close()
