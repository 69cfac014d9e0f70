"""The customers' side of one node: what it is made of, and its part of the store.

Source: G-1, ST-13, AUTH-2, CM-22.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.mount import Mount
from bayeux.transports.proxy import Client
from gateway.access.bookings import Bookings
from gateway.access.dialling import Dialling
from gateway.access.pool import Pool
from gateway.access.service import AccessService
from gateway.callback.options import Options
from gateway.config.model import Config
from gateway.customers.http.authentication import CenterDoor, Doorkeeper
from gateway.customers.http.handler import USER_HEADER, VERSION, Surroundings
from gateway.customers.http.origin import OwnOrigin
from gateway.customers.http.routes import Route, customer_routes
from gateway.customers.http.storage import file_path
from gateway.customers.refusal import Refused
from gateway.customers.storage import Storage
from gateway.http.pages import Pages
from gateway.instances.access import AccessKinds
from gateway.instances.instances import Instances
from gateway.instances.services import Services
from gateway.push.localization import read_texts
from gateway.push.part import PushPart
from gateway.services.patterns import Group
from gateway.store.store import Store

ROOM: Final = "customers"
"""Nobody else reads it."""

DIALLING: Final = Dialling()
"""As in the United States."""


class Configured(Protocol):
    """What is configured at this moment."""

    @property
    def services(self) -> Mapping[str, Options]:
        """Options by the name of a service."""

    @property
    def pools(self) -> Mapping[str, Pool]:
        """Resource groups by name."""

    @property
    def patterns(self) -> Mapping[str, Group]:
        """Pattern groups by name."""


class CustomerSide:
    """Everything that customers can ask of this node; ``start`` it when the store is open, ``stop`` it at the end.

    Args:
        mount: where customers speak Bayeux; pages that may do that may ask here, too.
        store: open while requests are served.
        configuration: what is configured at the moment; it is kept up by who made it.
        node: this process among those of the gateway.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        server: BayeuxServer,
        mount: Mount,
        store: Store,
        configuration: Configured,
        *,
        node: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        room, options = store.room(ROOM), config.server
        self._doorkeeper = Doorkeeper(options, config.auth)
        storage = Storage(room, lambda: secrets.token_hex(16))
        self.instances = Instances(
            room, storage, node=node, clock=clock, new_uuid=uuid.uuid4, is_strict=options.strict_user
        )
        self.services = Services(self.instances, lambda: configuration.services)
        """Where kinds of services and methods of instances are registered."""
        root = options.path + VERSION
        self.bookings = Bookings(room, node=node, dialling=DIALLING, below=secrets.randbelow)
        self.access = AccessKinds(
            self.instances,
            storage,
            AccessService(self.bookings, pools=lambda: configuration.pools, dialling=DIALLING),
            partial(file_path, root),
        )
        self.services.kinds.update(self.access.kinds)
        texts = read_texts(config.push.localization_file)
        self.pushing = PushPart(server, room, config.push, self.instances, texts=texts, clock=clock)
        self.pushing.register(self.services)
        self._work: list[asyncio.Task[None]] = []
        key = options.api_key.get_secret_value() if options.api_key is not None else ""
        around = Surroundings(
            storage=storage,
            services=self.services,
            notifications=self.pushing.notifications,
            doorkeeper=self._doorkeeper,
            center=CenterDoor(options.trusted_networks, key),
            origins=OwnOrigin(external_url=options.external_url, trusts_forwarded=options.trust_forwarded),
            pages=Pages(mount, allows=(USER_HEADER, "ContactCenterId")),
            root=root,
            maximum_body=int(options.max_body_size),
            max_json_depth=mount.options("long-polling").max_json_depth,
        )
        self.routes: list[Route] = customer_routes(around, has_legacy_path=options.legacy_path)
        """For a Tornado application."""

    async def start(self) -> None:
        """Serve customers; the store is open."""
        self._work = [asyncio.create_task(self.pushing.run(), name="customers' notices")]

    async def stop(self) -> None:
        """Do nothing more."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self._doorkeeper.close()

    async def admits(self, context: Context) -> bool:
        """Whether a Bayeux handshake shows the customers' account (CM-22)."""
        try:
            shown = context.headers.get("authorization", "")
            await self._doorkeeper.admit(shown, Client(context.peer, context.secure, context.http2, ""))
        except Refused:
            return False
        return True
