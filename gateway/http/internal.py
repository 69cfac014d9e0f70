"""What the internal listener serves: metrics, and the orders of operators.

Source: OPS-9, OPS-10, OPS-40, OPS-50, OPS-72, SEC-54, SEC-97.
"""

from __future__ import annotations

import hmac
import logging
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import HTTPError

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody, Unavailable
from gateway.http.handler import JsonHandler
from gateway.observe.families import page
from gateway.operations import NodeUnknown, Operations, PublishRefused

log = logging.getLogger(__name__)

RETRY_AFTER = 2
"""Seconds after which a publish may be tried again (OPS-72)."""


_OTHERS_TIMEOUT = 3.0


class MetricsHandler(JsonHandler):
    """``GET /metrics``."""

    def initialize(self, operations: Operations) -> None:
        """Whose."""
        self._operations = operations

    async def get(self) -> None:
        """In the format the asker accepts."""
        text, content_type = page(await self._operations.metrics(), self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(text)


class OrderRefused(Exception):
    """What is wrong with an order, for its sender."""


class Ordered(JsonHandler):
    """Takes orders of whoever bears the token (SEC-97)."""

    def initialize(self, operations: Operations, token: str, max_json_depth: int) -> None:
        """Whose, and what the sender must bear."""
        self.operations = operations
        self.token = token
        self._max_json_depth = max_json_depth

    def prepare(self) -> None:
        """Refuse everybody else."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self.token.encode()):
            self.set_header("WWW-Authenticate", "Bearer")
            raise HTTPError(401)

    def order(self) -> dict[str, Any]:
        """The body. Raises OrderRefused."""
        try:
            body = json.decode(self.request.body, self._max_json_depth)
        except MalformedBody as error:
            raise OrderRefused(f"the body is {error}") from None
        if not isinstance(body, dict):
            raise OrderRefused("the body must be an object")
        return body

    def refuse(self, text: str, status: int = 400, code: int = 1) -> None:
        """Say what is wrong."""
        self.answer({"statusCode": code, "statusMessage": text, "requestId": self.request_id}, status)


class PublishHandler(Ordered):
    """``POST /internal/publish`` with ``{"user": …, "channel": …, "data": …}``."""

    async def post(self) -> None:
        """Deliver to the sessions of one user that subscribed; tell how many there were."""
        try:
            match body := self.order():
                case {"user": str(user), "channel": str(channel)}:
                    pass
                case _:
                    raise OrderRefused('the body must be {"user": text, "channel": text, "data": any value}')
            done = await self.operations.publish(user, channel, body.get("data"))
        except (OrderRefused, PublishRefused) as refused:
            self.refuse(str(refused))
        except Unavailable:
            self.set_header("Retry-After", str(RETRY_AFTER))
            self.refuse("the backplane is away; try again", 503, 4)
        else:
            self.answer({"statusCode": 0, **done})


class StatusHandler(Ordered):
    """``GET /internal/status``."""

    async def get(self) -> None:
        """Processes, sessions, nodes."""
        self.answer({"statusCode": 0, **await self.operations.status()})


class DrainHandler(Ordered):
    """``POST /internal/drain`` with ``{"node": …, "leave": …}``; both may be left out."""

    async def post(self) -> None:
        """Send the clients away; answers when they are."""
        try:
            match {"node": None, "leave": False, **self.order()}:
                case {"node": str() | None as node, "leave": bool(leave)}:
                    pass
                case _:
                    raise OrderRefused('the body must be {"node": id or null, "leave": true or false}')
            log.info("an operator drains", extra={"drained": node or "all", "leave": leave})
            self.answer({"statusCode": 0, **await self.operations.drain(node, leave=leave)})
        except OrderRefused as refused:
            self.refuse(str(refused))
        except NodeUnknown as unknown:
            self.refuse(str(unknown), 404, 6)


class KickHandler(Ordered):
    """``POST /internal/kick`` with ``{"user": …}`` or ``{"session": …}``, as logs call it."""

    async def post(self) -> None:
        """End sessions, here and at the other gateways of the cluster; tell how many, and whom nobody could ask."""
        try:
            match {"user": None, "session": None, "only_here": False, **self.order()}:
                case {"user": str() as user, "session": None as session, "only_here": bool(only_here)}:
                    pass
                case {"user": None as user, "session": str() as session, "only_here": bool(only_here)}:
                    pass
                case _:
                    raise OrderRefused('the body must be {"user": name} or {"session": what logs call it}')
        except OrderRefused as refused:
            self.refuse(str(refused))
            return
        log.info("an operator kicks", extra={"kicked_user": user, "kicked_session": session})
        done = await self.operations.kick(user=user, session=session)
        sessions, not_asked = done["sessions"], []
        if not only_here:
            order = {"user": user, "session": session, "only_here": True}
            for url in await self.operations.other_gateways():
                answer = await ask_gateway(url, "/internal/kick", order, self.token)
                if answer is None:
                    not_asked.append(url)
                else:
                    sessions += answer["sessions"]
        self.answer({"statusCode": 0, "sessions": sessions, "notAsked": not_asked})


async def ask_gateway(origin: str, path: str, order: dict[str, Any], token: str) -> Any:
    """What another gateway answers to an order; None if it cannot be reached, or does not take our token."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        answer = await client.fetch(
            origin + path,
            method="POST",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.encode(order),
            request_timeout=_OTHERS_TIMEOUT,
            follow_redirects=False,  # the token is for this origin alone
        )
        return json.decode(answer.body, 0)
    except (HTTPClientError, OSError, MalformedBody) as error:
        log.warning("another gateway could not be asked: %s", error, extra={"origin": origin})
        return None
    finally:
        client.close()
