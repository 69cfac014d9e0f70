"""The customers' side of one node: what it is made of, and its part of the store.

Source: G-1, ST-13, AUTH-2, CM-22.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.mount import Mount
from bayeux.transports.proxy import Client
from gateway.callback.options import Options
from gateway.config.model import Config
from gateway.customers.http.authentication import CenterDoor, Doorkeeper
from gateway.customers.http.handler import USER_HEADER, VERSION, Surroundings
from gateway.customers.http.origin import OwnOrigin
from gateway.customers.http.routes import Route, customer_routes
from gateway.customers.refusal import Refused
from gateway.customers.storage import Storage
from gateway.http.pages import Pages
from gateway.instances.instances import Instances
from gateway.instances.services import Services
from gateway.push.mailboxes import Mailboxes
from gateway.push.push import Push
from gateway.push.reader import Reader
from gateway.services.patterns import Group
from gateway.store.store import Store

ROOM: Final = "customers"
"""Nobody else reads it."""


class CustomerSide:
    """Everything that customers can ask of this node; ``start`` it when the store is open, ``stop`` it at the end.

    Args:
        mount: where customers speak Bayeux; pages that may do that may ask here, too.
        store: open while requests are served.
        node: this process among those of the gateway.
        configured: the services as they are configured at the moment: options by name.
        patterns: the pattern groups, by name.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        config: Config,
        server: BayeuxServer,
        mount: Mount,
        store: Store,
        *,
        node: str = "",
        configured: Callable[[], Mapping[str, Options]] = dict,
        patterns: Callable[[], Mapping[str, Group]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        room, options = store.room(ROOM), config.server
        self._doorkeeper = Doorkeeper(options, config.auth)
        storage = Storage(room, lambda: secrets.token_hex(16))
        self.instances = Instances(
            room, storage, node=node, clock=clock, new_uuid=uuid.uuid4, is_strict=options.strict_user
        )
        self.services = Services(self.instances, configured)
        """Where kinds of services and methods of instances are registered."""
        mailboxes = Mailboxes(room, clock)
        self.reader = Reader(server, mailboxes, clock)
        self.reader.watch()
        self.push = Push(server, mailboxes, self.reader)
        self._work: list[asyncio.Task[None]] = []
        key = options.api_key.get_secret_value() if options.api_key is not None else ""
        around = Surroundings(
            storage=storage,
            services=self.services,
            patterns=patterns,
            doorkeeper=self._doorkeeper,
            center=CenterDoor(options.trusted_networks, key),
            origins=OwnOrigin(external_url=options.external_url, trusts_forwarded=options.trust_forwarded),
            pages=Pages(mount, allows=(USER_HEADER, "ContactCenterId")),
            root=options.path + VERSION,
            maximum_body=int(options.max_body_size),
            max_json_depth=mount.options("long-polling").max_json_depth,
        )
        self.routes: list[Route] = customer_routes(around, has_legacy_path=options.legacy_path)
        """For a Tornado application."""

    def start(self) -> None:
        """Give customers their notices."""
        self._work = [asyncio.get_running_loop().create_task(self.reader.run(), name="customers' notices")]

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
