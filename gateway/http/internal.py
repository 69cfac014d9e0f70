"""What the internal listener serves: metrics, and publishing to one user.

Source: OPS-40, OPS-50, SEC-54, SEC-97.
"""

from __future__ import annotations

import hmac
from typing import Any

from tornado.web import HTTPError

from bayeux.protocol import json
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid, MalformedBody
from bayeux.server.server import BayeuxServer
from gateway.http.handler import JsonHandler
from gateway.observe.metrics import Metrics


class MetricsHandler(JsonHandler):
    """``GET /metrics``."""

    def initialize(self, metrics: Metrics) -> None:
        """Whose."""
        self._metrics = metrics

    def get(self) -> None:
        """In the format the asker accepts."""
        page, content_type = self._metrics.page(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(page)


class _OrderRefused(Exception):
    """What is wrong with a request to publish, for its sender."""


class PublishHandler(JsonHandler):
    """``POST /internal/publish`` with ``{"user": …, "channel": …, "data": …}``."""

    def initialize(self, server: BayeuxServer, token: str) -> None:
        """``token`` is what the sender must bear."""
        self._server = server
        self._token = token

    def post(self) -> None:
        """Deliver to the sessions of one user that subscribed; tell how many there were."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token.encode()):
            self.set_header("WWW-Authenticate", "Bearer")
            raise HTTPError(401)
        try:
            user, channel, data = self._order()
        except _OrderRefused as refused:
            self.answer({"statusCode": 1, "statusMessage": str(refused), "requestId": self.request_id}, 400)
            return
        self.answer({"statusCode": 0, "sessions": self._server.deliver_to_user(user, channel, data)})

    def _order(self) -> tuple[str, str, Any]:
        """What is to be published to whom; raises _OrderRefused."""
        try:
            body = json.decode(self.request.body, self._server.options.max_json_depth)
        except MalformedBody as error:
            raise _OrderRefused(f"the body is {error}") from None
        match body:
            case {"user": str(user), "channel": str(channel)}:
                pass
            case _:
                raise _OrderRefused('the body must be {"user": text, "channel": text, "data": any value}')
        try:
            name = parse_channel(channel)
        except ChannelInvalid:
            raise _OrderRefused("the channel is not a channel name") from None
        if name.is_wild or name.is_template or not self._server.is_private(name):
            prefixes = ", ".join(self._server.options.private_prefixes)
            raise _OrderRefused(f"only a private channel has one user's sessions behind it: one below {prefixes}")
        return user, channel, body.get("data")
