"""The customers' side of one node: what it is made of, and its part of the store.

Source: G-1, ST-13, AUTH-2.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from bayeux.transports.mount import Mount
from gateway.callback.options import Options
from gateway.config.model import Config
from gateway.customers.http.authentication import CenterDoor, Doorkeeper
from gateway.customers.http.handler import USER_HEADER, VERSION, Surroundings
from gateway.customers.http.origin import OwnOrigin
from gateway.customers.http.routes import Route, customer_routes
from gateway.customers.storage import Storage
from gateway.http.pages import Pages
from gateway.instances.instances import Instances
from gateway.instances.services import Services
from gateway.store.store import Store

ROOM: Final = "customers"
"""Nobody else reads it."""


class CustomerSide:
    """Everything that customers can ask of this node; ``close`` it at the end.

    Args:
        mount: where customers speak Bayeux; pages that may do that may ask here, too.
        store: open while requests are served.
        node: this process among those of the gateway.
        configured: the services as they are configured at the moment: options by name.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        mount: Mount,
        store: Store,
        *,
        node: str = "",
        configured: Callable[[], Mapping[str, Options]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        room, server = store.room(ROOM), config.server
        self._doorkeeper = Doorkeeper(server, config.auth)
        storage = Storage(room, lambda: secrets.token_hex(16))
        self.instances = Instances(
            room, storage, node=node, clock=clock, new_uuid=uuid.uuid4, is_strict=server.strict_user
        )
        self.services = Services(self.instances, configured)
        """Where kinds of services and methods of instances are registered."""
        key = server.api_key.get_secret_value() if server.api_key is not None else ""
        around = Surroundings(
            storage=storage,
            services=self.services,
            doorkeeper=self._doorkeeper,
            center=CenterDoor(server.trusted_networks, key),
            origins=OwnOrigin(external_url=server.external_url, trusts_forwarded=server.trust_forwarded),
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
