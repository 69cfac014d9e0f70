"""The composition root: which parts the gateway is made of.

Source: OPS-25, OPS-40, OPS-46, OPS-48, AG-14, CM-4.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer

from bayeux.backplane.backplane import NodeInfo
from bayeux.backplane.interface import Retention
from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.topology import Topology
from bayeux.extensions.ack import Acknowledge
from bayeux.extensions.replay import Replay
from bayeux.protocol.message import Message
from bayeux.server.cluster.cluster import Cluster
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.transports.mount import Mount
from gateway.agents.absent import NoContactCenter
from gateway.agents.center import ContactCenter
from gateway.agents.storage import make_store
from gateway.api.resource import Surroundings
from gateway.api.signing_in import Reception
from gateway.auth.agents import Agents
from gateway.auth.customers import Customers
from gateway.auth.http_sessions import COOKIE, CSRF_HEADER
from gateway.auth.policy import GatewayPolicy
from gateway.auth.shared_sessions import SharedSessions
from gateway.config.customers import Push
from gateway.config.model import Config
from gateway.config.model import Mount as MountConfig
from gateway.customers.side import CustomerSide
from gateway.development import serve_development_channels, serve_development_customers
from gateway.failure import ExitCode, Failure
from gateway.http.pages import Pages
from gateway.http.routes import internal_application, public_application
from gateway.management.side import Administration
from gateway.observe.health import Health
from gateway.observe.loop_lag import LoopLag
from gateway.observe.metrics import Metrics
from gateway.observe.reach import Reach
from gateway.operations import Operations
from gateway.push.part import no_provider
from gateway.push.providers.options import PushOptions
from gateway.push.providers.providers import Providers
from gateway.store.store import Store

log = logging.getLogger(__name__)

GENERAL = "default"
"""The profile of providers that is for all."""
_MAXIMUM_BODY = 1024 * 1024  # SEC-L9


class Gateway:
    """Everything that works together in one process, without its sockets.

    Args:
        config: valid.
        name: what other nodes call this one, the same at every start.
        url: where operators of this one are answered.

    Raises ConfigurationWrong for key files that cannot be used.
    """

    def __init__(self, config: Config, *, name: str = "", url: str = "") -> None:
        self.config = config
        self.agents = Agents(config.auth, guards_bayeux=config.csrf.bayeux)
        self._customers_door = Customers(config.mounts.genesys.path, config.server, self.agents.identify)
        is_open = config.is_development
        guests = (config.mounts.cometd.path, config.mounts.genesys.path) if is_open else ()
        policy = GatewayPolicy(
            self.agents.tokens,
            self.agents.users,
            config.grants,
            guests=guests,
            is_open=is_open,
            customers=self._customers_door,
        )
        self.server = BayeuxServer(config.bayeux.options(), policy=policy)
        if config.acknowledge or (config.acknowledge is None and config.redis is not None):
            self.server.extensions.append(Acknowledge())
        if config.retention:
            self.server.extensions.append(Replay(_retentions(config)))
        policy.guard_wildcards(self.server)
        self.server.on("/meta/connect", self._renew_http_session)
        if config.is_development:
            serve_development_channels(self.server)
        self.backplane = _backplane(config, name, url)
        self._reaches: list[Reach] = []
        mounts = config.mounts
        has_customers = config.server.enabled
        self.mounts = [
            self._mount(mounts.cometd),
            self._mount(mounts.genesys, is_for_customers=has_customers),
            self._mount(mounts.notifications),
        ]
        self.lag = LoopLag()
        self.health = Health(self.lag)
        if self.backplane is not None:
            cluster = Cluster(self.server, self.backplane, moves_after=config.backplane.moves_after)
            cluster.listeners.node_joined.append(self._expect_other_name)
            self.agents.shared = SharedSessions(
                self.agents.http_sessions, self.backplane.sessions, self.backplane.node.id
            )
            self._watch("backplane", lambda: self.backplane is not None and self.backplane.is_connected)
        self.metrics = Metrics(self.server, self.lag, self.backplane)
        self.center = self._contact_center(config)
        if self.center is not None:
            for collector in self.center.collectors:
                self.metrics.watch(collector)
            store = self.center.store
            self._watch("store", lambda: not store.trouble, trouble=lambda: store.trouble)
        self._store: Store | None = None
        """That of the customers, where no contact center opens one."""
        self.administration: Administration | None = None
        self._providers: Providers | None = _providers(config.push) if config.server.enabled else None
        self.customers = self._customer_side(config)
        routes = [
            *(self.administration.routes if self.administration is not None else ()),
            *(self.customers.routes if self.customers is not None else ()),
        ]
        self.public_http = _http_server(config, public_application(self.mounts, self._api(), self.health, routes))

    async def start(self) -> None:
        """Begin to work on the running loop.

        Raises Failure where the backplane cannot be reached and that was required.
        """
        await self.server.start()
        self.lag.start()
        if self._store is not None:
            await self._store.open()
        if self.center is not None:
            await self.center.start()
        if self.administration is not None:
            await self.administration.start()
        if self.customers is not None:
            await self.customers.start()
        for reach in self._reaches:
            reach.start()
        backplane = self.backplane
        if backplane is not None and self.config.backplane.required_at_start and not backplane.is_connected:
            raise Failure(
                f"redis: {backplane.trouble}; start it, or set backplane.required_at_start = false to wait for it",
                ExitCode.UNAVAILABLE,
            )

    async def stop(self) -> None:
        """End all sessions at once."""
        if self.customers is not None:
            await self.customers.stop()
        if self.administration is not None:
            await self.administration.stop()
        if self.center is not None:
            await self.center.stop()
        if self._providers is not None:
            await self._providers.close()
        if self._store is not None:
            await self._store.close()
        await self.server.stop()
        self.lag.stop()
        for reach in self._reaches:
            reach.stop()

    async def deliver_to_user(
        self, user: str, channel: str, data: Any, ext: dict[str, Any] | None = None
    ) -> int | None:
        """On all nodes; how many sessions took it, None where nobody can know.

        Raises Unavailable, ChannelInvalid.
        """
        if self.server.cluster is None:
            return self.server.deliver_to_user(user, channel, data, ext=ext)
        await self.server.cluster.deliver_to_user(user, channel, data, ext=ext)
        return None

    @property
    def node_id(self) -> str:
        """What other nodes address this one by; empty where there are none."""
        return self.backplane.node.id if self.backplane is not None else ""

    def cluster_status(self) -> dict[str, Any] | None:
        """What is known of the other nodes; None where there are none."""
        if self.backplane is None or self.config.redis is None:
            return None
        nodes = [self.backplane.node, *self.backplane.nodes]
        return {
            "redis": str(Topology.parse(self.config.redis.get_secret_value())),
            "is_connected": self.backplane.is_connected,
            "trouble": self.backplane.trouble,
            "nodes": [{"id": node.id, "name": node.name, "url": node.url} for node in nodes],
        }

    def _watch(self, name: str, is_connected: Callable[[], bool], trouble: Callable[[], str] = lambda: "") -> None:
        """OPS-72: without this the gateway is not ready, but for a while in which it was there before."""
        reach = Reach(is_connected, self.config.backplane.grace, trouble=trouble)
        self._reaches.append(reach)
        self.health.ready_also_if(name, reach.check)

    def _contact_center(self, config: Config) -> ContactCenter | None:
        if not config.has_contact_center:
            return None
        center = ContactCenter(config, self.server, self.deliver_to_user, node=self.node_id or uuid.uuid4().hex)
        if config.is_development:
            serve_development_customers(self.server, center.customers)
        return center

    def _customer_side(self, config: Config) -> CustomerSide | None:
        if not config.server.enabled:
            return None
        if self.center is None:
            self._store = make_store(config, node=self.node_id or uuid.uuid4().hex)
        store = self.center.store if self.center is not None else self._store
        assert store is not None
        _, genesys, _ = self.mounts
        self.administration = Administration(config, genesys, store)
        node = self.node_id or uuid.uuid4().hex
        customers = CustomerSide(
            config,
            self.server,
            genesys,
            store,
            self.administration.configuration,
            center=self.center,
            provider_of=self._providers.get if self._providers is not None else no_provider,
            node=node,
        )
        if config.server.comet_needs_account:
            self._customers_door.admits = customers.admits
        return customers

    def _api(self) -> Surroundings:
        notifications = self.mounts[-1]
        return Surroundings(
            service=self.center.service if self.center is not None else NoContactCenter(),
            reception=Reception(
                self.agents, demands_csrf_token=self.config.csrf.enabled, origin=self.config.agent.origin
            ),
            pages=Pages(notifications, allows=(CSRF_HEADER,), exposes=("X-CSRF-HEADER", CSRF_HEADER)),
            max_json_depth=notifications.options("long-polling").max_json_depth,
        )

    def _mount(self, config: MountConfig, *, is_for_customers: bool = False) -> Mount:
        bayeux = self.config.bayeux
        return Mount(
            self.server,
            config.path,
            overrides=config.as_overrides(),
            long_polling=bayeux.long_polling.as_overrides(),
            websocket=bayeux.websocket.as_overrides(),
            identify=self._customers_door.identify if is_for_customers else self.agents.identify,
        )

    def _expect_other_name(self, node: NodeInfo) -> None:
        """OPS-46: of two that are called the same, others would take each for the successor of the other."""
        if self.backplane is not None and node.name == self.backplane.node.name:
            log.error(
                "another node is called %s, too: give each gateway its own backplane.name",
                node.name,
                extra={"other": node.url},
            )

    def _renew_http_session(self, session: ServerSession | None, message: Message) -> None:
        """AG-14: a live connect keeps the HTTP session of its browser alive."""
        if message.context is not None:
            self.agents.session_of(message.context.cookies.get(COOKIE, ""))


def internal_http_server(config: Config, operations: Operations, token: str) -> HTTPServer:
    """What serves operators.

    Args:
        token: what orders are taken for.
    """
    return _http_server(config, internal_application(operations, token, config.bayeux.options().max_json_depth))


def _providers(config: Push) -> Providers:
    return Providers(
        PushOptions(general=config.providers.get(GENERAL, {}), providers=config.providers, events=config.events),
        config.enabled,
        allowed_hosts=config.allowed_hosts,
        allows_private=config.allow_private_addresses,
    )


def _backplane(config: Config, name: str, url: str) -> RedisBackplane | None:
    if config.redis is None:
        return None
    options = config.backplane
    return RedisBackplane(
        config.redis.get_secret_value(), name=name, url=url, prefix=options.prefix, partitions=options.partitions
    )


def _retentions(config: Config) -> dict[str, Retention]:
    return {
        each.channel: Retention(events=each.events, ttl=float(each.ttl), bytes=int(each.bytes))
        for each in config.retention
    }


def _http_server(config: Config, application: object) -> HTTPServer:
    options = config.bayeux.options()
    return HTTPServer(
        application,
        max_header_size=options.header_bytes,
        max_body_size=_MAXIMUM_BODY,
        body_timeout=options.body_timeout,
        idle_connection_timeout=options.keepalive_idle,
    )
