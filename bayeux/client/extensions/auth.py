"""Tokens that expire: fetched anew for each handshake, and after a refusal that says so.

Source: CLI-1; the answers ``401::…`` of Salesforce and others.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from bayeux.client.errors import RequestRefused, TokenUnavailable
from bayeux.client.event import Message
from bayeux.client.extension import Extension
from bayeux.client.extensions.ext import ext_of, extend
from bayeux.client.hook import call_hook
from bayeux.protocol.channel import META_CONNECT, META_HANDSHAKE

if TYPE_CHECKING:
    from bayeux.client.client import BayeuxClient

Fetch: TypeAlias = Callable[[], Awaitable[str]]

log: logging.Logger = logging.getLogger(__name__)


class TokenAuth(Extension):
    """Shows a token with each handshake; made by ``in_header`` or ``in_ext``, for one client.

    ``fetch`` is awaited before each handshake, for ``max_network_delay`` at most; one over WebSocket
    and then one over long-polling are two. When the server
    then says 401, of a handshake or later of a connect, there is one more handshake with a token
    fetched for it, even where its advice is ``none``; a token refused twice in a row is refused.
    What ``fetch`` raises, the client takes for a failure that passes: ``TokenUnavailable``.
    """

    def __init__(self, fetch: Fetch, show: Callable[[BayeuxClient, Message, str], None]) -> None:
        self._fetch = fetch
        self._show = show
        self._client: BayeuxClient | None = None
        self._is_refused = False

    @classmethod
    def in_header(cls, fetch: Fetch, *, name: str = "Authorization", scheme: str = "Bearer") -> Self:
        """Say it in an HTTP header of every request, behind a scheme unless that is empty."""

        def show(client: BayeuxClient, message: Message, token: str) -> None:
            client.set_header(name, f"{scheme} {token}" if scheme else token)

        return cls(fetch, show)

    @classmethod
    def in_ext(cls, fetch: Fetch, *path: str) -> Self:
        """Say it in the ``ext`` of each handshake, under these keys, one inside the other; ``token`` by default."""
        outer, *inner = path or ("token",)

        def show(client: BayeuxClient, message: Message, token: str) -> None:
            value: Any = token
            for key in reversed(inner):
                value = {key: value}
            extend(message, **{outer: value})

        return cls(fetch, show)

    def added(self, client: BayeuxClient) -> None:
        """It belongs to one client. Raises ValueError for a second one."""
        if self._client not in (None, client):
            raise ValueError("a TokenAuth serves one client; make another one")
        self._client = client

    async def outgoing(self, message: Message) -> None:
        """Fetch and show. Raises TokenUnavailable."""
        if message["channel"] != META_HANDSHAKE or self._client is None:
            return
        try:
            self._show(self._client, message, await call_hook(self._fetch))
        except Exception as error:  # the function is the application's
            raise TokenUnavailable(f"no token for the handshake: {error!r}") from error

    def incoming(self, message: Message) -> None:
        """Turn the first refusal of a token into the advice to handshake again."""
        channel = message.get("channel")
        if channel not in (META_HANDSHAKE, META_CONNECT):
            return
        if not _is_unauthenticated(message):
            if channel == META_CONNECT and message.get("successful") is True:
                self._is_refused = False
        elif not self._is_refused:
            self._is_refused = True
            log.info("the server refuses the token; another one is fetched")
            message["advice"] = {"interval": 0, **_advice(message), "reconnect": "handshake"}


def _is_unauthenticated(message: Message) -> bool:
    """Whether the server says 401; Salesforce says it of handshakes in ``ext.sfdc.failureReason``."""
    if message.get("successful") is not False:
        return False
    sfdc = ext_of(message).get("sfdc")
    reason = sfdc.get("failureReason") if isinstance(sfdc, dict) else None
    return RequestRefused(message).code == 401 or str(reason).startswith("401:")


def _advice(message: Message) -> dict[str, Any]:
    advice = message.get("advice")
    return advice if isinstance(advice, dict) else {}
