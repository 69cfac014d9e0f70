"""The composition root: which parts the gateway is made of.

Source: OPS-25, OPS-40, AG-14, CM-4.
"""

from __future__ import annotations

from tornado.httpserver import HTTPServer

from bayeux.protocol.message import Message
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.transports.mount import Mount
from bayeux.transports.proxy import Proxies
from gateway.auth.agents import Agents
from gateway.auth.http_sessions import COOKIE
from gateway.auth.policy import GatewayPolicy
from gateway.config.model import Config
from gateway.config.model import Mount as MountConfig
from gateway.development import serve_development_channels
from gateway.http.routes import internal_application, public_application
from gateway.observe.health import Health
from gateway.observe.loop_lag import LoopLag
from gateway.observe.metrics import Metrics

_MAXIMUM_BODY = 1024 * 1024  # SEC-L9


class Gateway:
    """Everything that works together in one process, without its sockets.

    Args:
        config: valid.
        internal_token: what the internal listener takes orders for.

    Raises ConfigurationWrong for key files that cannot be used.
    """

    def __init__(self, config: Config, internal_token: str) -> None:
        self.config = config
        self.agents = Agents(config.auth)
        is_open = config.is_development
        guests = (config.mounts.cometd.path, config.mounts.genesys.path) if is_open else ()
        policy = GatewayPolicy(self.agents.tokens, self.agents.users, config.grants, guests=guests, is_open=is_open)
        self.server = BayeuxServer(config.bayeux.options(), policy=policy)
        policy.guard_wildcards(self.server)
        self.server.on("/meta/connect", self._renew_http_session)
        if config.is_development:
            serve_development_channels(self.server)
        mounts = config.mounts
        self.mounts = [self._mount(each) for each in (mounts.cometd, mounts.genesys, mounts.notifications)]
        self.lag = LoopLag()
        self.health = Health(self.lag)
        self.metrics = Metrics(self.server, self.lag)
        proxies = Proxies(self.server.options.trusted_proxies)
        self.public_http = _http_server(config, public_application(self.mounts, self.agents, self.health, proxies))
        self.internal_http = _http_server(
            config, internal_application(self.server, self.health, self.metrics, internal_token)
        )

    def _mount(self, config: MountConfig) -> Mount:
        bayeux = self.config.bayeux
        return Mount(
            self.server,
            config.path,
            overrides=config.as_overrides(),
            long_polling=bayeux.long_polling.as_overrides(),
            websocket=bayeux.websocket.as_overrides(),
            identify=self.agents.identify,
        )

    def _renew_http_session(self, session: ServerSession | None, message: Message) -> None:
        """AG-14: a live connect keeps the HTTP session of its browser alive."""
        if message.context is not None:
            self.agents.session_of(message.context.cookies.get(COOKIE, ""))


def _http_server(config: Config, application: object) -> HTTPServer:
    options = config.bayeux.options()
    return HTTPServer(
        application,
        max_header_size=options.header_bytes,
        max_body_size=_MAXIMUM_BODY,
        body_timeout=options.body_timeout,
        idle_connection_timeout=options.keepalive_idle,
    )
