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
from gateway.agents.center import ContactCenter
from gateway.auth.customers import HEADER as USER_HEADER
from gateway.auth.customers import user_tokens
from gateway.callback.options import Options
from gateway.callback.profiles import Media
from gateway.callbacks.callbacks import KIND, Callbacks
from gateway.callbacks.desks import Desks
from gateway.callbacks.methods import CallbackMethods
from gateway.callbacks.registry import Registry, Telling
from gateway.callbacks.switch import Switch
from gateway.chats.part import ChatPart
from gateway.chats.settings import Settings as ChatSettings
from gateway.config.customers import Server
from gateway.config.model import Config
from gateway.customers.duty import CustomerDuty, Expire
from gateway.customers.http.authentication import CenterDoor, Doorkeeper
from gateway.customers.http.handler import VERSION, Surroundings
from gateway.customers.http.origin import OwnOrigin
from gateway.customers.http.routes import Route, customer_routes
from gateway.customers.http.storage import file_path
from gateway.customers.refusal import Refused
from gateway.customers.storage import Storage
from gateway.http.pages import Pages
from gateway.instances.access import AccessKinds
from gateway.instances.instances import DEADLINE as INSTANCE
from gateway.instances.instances import Instances
from gateway.instances.services import Services
from gateway.push.localization import read_texts
from gateway.push.part import PushPart, no_provider
from gateway.push.provider import Provider
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.role import Role
from gateway.services.patterns import Group
from gateway.store.store import Room, Store

ROOM: Final = "customers"
"""Nobody else reads it."""
ROLE: Final = "customers"
"""What the one of all nodes plays that keeps deadlines and carries out what was decided."""

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
        center: where agents are; None: there are none, so no callback finds one.
        provider_of: tells devices that are no Bayeux sessions, by their type.
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
        center: ContactCenter | None = None,
        provider_of: Callable[[str], Provider | None] = no_provider,
        node: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        room, options = store.room(ROOM), config.server
        root = options.path + VERSION
        self._doorkeeper = Doorkeeper(options, config.auth)
        is_strict = _is_strict(options)
        storage = Storage(room, lambda: secrets.token_hex(16))
        self.instances = Instances(room, storage, node=node, clock=clock, new_uuid=uuid.uuid4, is_strict=is_strict)
        self.services = Services(self.instances, lambda: configuration.services)
        """Where kinds of services and methods of instances are registered."""
        self.bookings = Bookings(room, node=node, dialling=DIALLING, below=secrets.randbelow)
        self.access = AccessKinds(
            self.instances,
            storage,
            AccessService(self.bookings, pools=lambda: configuration.pools, dialling=DIALLING),
            partial(file_path, root),
            lambda: configuration.services,
        )
        self.services.kinds.update(self.access.kinds)
        texts = read_texts(config.push.localization_file)
        self.pushing = PushPart(
            server, room, config.push, self.instances, texts=texts, provider_of=provider_of, clock=clock
        )
        self.pushing.register(self.services)
        self.callbacks = Callbacks(
            room,
            instances=self.instances,
            bookings=self.bookings,
            telling=self.pushing.push,
            pools=lambda: configuration.pools,
            patterns=lambda: configuration.patterns,
            dialling=DIALLING,
            targets=config.callback.targets,
            kept=[*config.callback.returned_keys, *config.callback.filter_keys],
            clock=clock,
            are_proven=options.user_token_key is not None,
        )
        CallbackMethods(self.callbacks, queue_position_500=config.compat.queue_position_500).register(self.services)
        self.instances.ending.append(self.callbacks.ending)
        self.instances.ended.append(self.callbacks.ended)
        self.access.matching.append(self.callbacks.matching)
        self.access.matched.append(self.callbacks.matched)
        self.chats = self._chat_part(config, room, storage, configuration, center, clock) if center else None
        expiring: dict[str, Expire] = {
            INSTANCE: self.instances.expire,
            KIND: self.callbacks.expire,
            **self.pushing.expiring,
            **(self.chats.expiring if self.chats is not None else {}),
        }
        pumps = [self.callbacks.pump, *self.pushing.pumps]
        self.role: Role = Role(
            CustomerDuty(expiring, pumps),
            room,
            center.bus if center is not None else MemoryBus(clock=clock),
            name=ROLE,
            node=node,
            queues={},
            pumps=pumps,
            clock=clock,
        )
        """One node of all leads it."""
        self._work: list[asyncio.Task[None]] = []
        around = Surroundings(
            storage=storage,
            services=self.services,
            patterns=lambda: configuration.patterns,
            callbacks=self._registry(config, room, configuration, root, clock),
            notifications=self.pushing.notifications,
            doorkeeper=self._doorkeeper,
            tokens=user_tokens(options),
            center=CenterDoor(
                options.trusted_networks, options.api_key.get_secret_value() if options.api_key is not None else ""
            ),
            origins=OwnOrigin(external_url=options.external_url, trusts_forwarded=options.trust_forwarded),
            pages=Pages(mount, allows=(USER_HEADER, "ContactCenterId")),
            root=root,
            maximum_body=int(options.max_body_size),
            max_json_depth=mount.options("long-polling").max_json_depth,
            chats=self.chats.chats if self.chats is not None else None,
        )
        self.routes: list[Route] = customer_routes(around, has_legacy_path=options.legacy_path)
        """For a Tornado application."""

    async def start(self) -> None:
        """Serve customers; the store is open."""
        runs = {"customers' notices": self.pushing.run(), "customers' role": self.role.run()}
        self._work = [asyncio.create_task(run, name=name) for name, run in runs.items()]

    async def stop(self) -> None:
        """Do nothing more."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self._doorkeeper.close()

    def _chat_part(
        self,
        config: Config,
        room: Room,
        storage: Storage,
        configuration: Configured,
        center: ContactCenter,
        clock: Callable[[], float],
    ) -> ChatPart:
        part = ChatPart(
            room,
            ChatSettings.of(config, config.server.path + VERSION),
            center.customers,
            instances=self.instances,
            services=configuration,
            areas=storage,
            callbacks=self.callbacks,
            perform=self.callbacks.pump.drain,
            push=self.pushing.push,
            has_session=self.pushing.push.has_session,
            clock=clock,
        )
        center.tell_customers(part.heard)
        self.instances.ending.append(part.chats.ending)
        desks = Desks(center.places, center.customers, part.chats.opening)
        self.callbacks.routers |= {Media.CHAT: desks, Media.VOICE: Switch(desks, self.callbacks.news)}
        return part

    def _registry(
        self, config: Config, room: Room, configuration: Configured, root: str, clock: Callable[[], float]
    ) -> Registry:
        telling = Telling(
            returned=config.callback.returned_keys,
            filters=config.callback.filter_keys,
            has_old_names=config.compat.record_8_1_2,
        )
        return Registry(
            room,
            self.callbacks,
            configured=lambda: configuration.services,
            telling=telling,
            root=root,
            is_strict=_is_strict(config.server),
            clock=clock,
        )

    async def admits(self, context: Context) -> bool:
        """Whether a Bayeux handshake shows the customers' account (CM-22)."""
        try:
            shown = context.headers.get("authorization", "")
            await self._doorkeeper.admit(shown, Client(context.peer, context.secure, context.http2, ""))
        except Refused:
            return False
        return True


def _is_strict(options: Server) -> bool:
    """Where users have to be proven, who names none has nobody's instances (AUTH-6, AUTH-8)."""
    return options.strict_user or options.user_token_key is not None
