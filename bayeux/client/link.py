"""A client's way to its server: requests out through extensions and a transport, replies and events back.

Owns the choice of the transport and the order of what comes in. Does not know when to handshake or to connect, nor
what is subscribed: that is the client's.

Source: section 19 of the Bayeux reference, CLI-1, CLI-2.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bayeux.client.conversation import Conversation
from bayeux.client.errors import (
    ClientError,
    ConnectFailed,
    ReplyTimeout,
    TokenUnavailable,
    TransportFailed,
    UpgradeRefused,
)
from bayeux.client.event import Event, Message
from bayeux.client.extension import Extensions
from bayeux.client.http import Endpoint
from bayeux.client.listeners import Reply
from bayeux.client.long_polling import LongPolling
from bayeux.client.transport import Transport
from bayeux.client.websocket import WebSocket
from bayeux.protocol.channel import META_HANDSHAKE
from bayeux.protocol.errors import MessageDeleted

PASSING = (502, 503, 504)
"""A proxy answers an upgrade like this when it finds no server: there was one, and will be again."""
PASSING_TRIES = 5  # of a socket that opened before, while a proxy says so
TRIES = 2  # of a transport that opens and brings no replies in time, before another one is looked for

log: logging.Logger = logging.getLogger(__name__)


class Link:
    """See the module; one for each client.

    Args:
        connection_types: names of transports in order of preference.
        hear: given each event.
        told: told what became of each request.
    """

    def __init__(
        self,
        conversation: Conversation,
        endpoint: Endpoint,
        extensions: Extensions,
        *,
        connection_types: Sequence[str],
        max_network_delay: float,
        random_bytes: Callable[[int], bytes],
        subprotocol: str | None,
        hear: Callable[[Event], None],
        told: Callable[[Reply], None],
    ) -> None:
        self._conversation = conversation
        self._endpoint = endpoint
        self._extensions = extensions
        self._connection_types = tuple(connection_types)
        self._max_network_delay = max_network_delay
        self._random_bytes = random_bytes
        self._subprotocol = subprotocol
        self._hear = hear
        self._told = told
        self._transport: Transport = self._make_transport(connection_types[0])
        self._is_outdated = False  # the open connections were made with other headers
        self._turned_away = 0  # upgrades in a row to which a proxy found no server
        self._silences = 0  # connects in a row that were not answered in time
        self._inbox: deque[Message] = deque()
        self._passing: asyncio.Task[None] | None = None

    @property
    def connection_type(self) -> str:
        """The transport in use."""
        return self._transport.name

    def set_header(self, name: str, value: str) -> None:
        """Say this in every HTTP request from here on; a socket says it when it is next opened for a handshake.

        Raises ValueError for what would end its line.
        """
        self._is_outdated |= self._endpoint.set_header(name, value)

    # -- out -------------------------------------------------------------------------------

    async def exchange(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        """Send messages together; their replies in the same order.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises TransportFailed, ClientDisconnected when the server ended the session instead, and
        what an extension raised.
        """
        sent: list[Message] = []
        try:
            for message in messages:
                sent.append(message)
                sent[-1] = await self._extended(message)
            replies = await self._answered(sent, timeout)
        except ClientError as error:
            for message in sent:
                self._told(Reply(message, None, error))
            raise
        for message, reply in zip(sent, replies, strict=True):
            self._told(Reply(message, reply))
        return replies

    async def _extended(self, message: Message) -> Message:
        extended = await self._extensions.send(message)
        # The id is ours: an extension that makes another message has none.
        return _Stopped(message) if extended is None else {**extended, "id": message["id"]}

    async def _answered(self, messages: Sequence[Message], timeout: float | None) -> list[Message]:
        if self._is_outdated and messages[0]["channel"] == META_HANDSHAKE:
            await self._reopen(self._transport.name)
        settled = asyncio.Event()
        exchange = self._conversation.expect(messages, settled.set)
        sendable = [message for message in messages if not isinstance(message, _Stopped)]
        for message in messages:
            if isinstance(message, _Stopped):
                exchange.answer(message["id"], _deleted(message))
        try:
            async with asyncio.timeout(timeout):
                if sendable:
                    await self._transport.send(sendable)
                await settled.wait()
        except TimeoutError:
            raise ReplyTimeout(f"no reply within {timeout:g} s") from None
        finally:
            self._conversation.abandon(exchange)
        if exchange.error is not None:
            raise exchange.error
        return exchange.replies

    # -- in --------------------------------------------------------------------------------

    async def _received(self, messages: list[Message]) -> None:
        """Pass messages on through the extensions, behind those that still wait for one.

        Cancelling the wait, as a request that times out does, loses nothing of what has come.
        """
        self._inbox.extend(messages)
        if self._passing is None or self._passing.done():
            if not self._extensions:
                while self._inbox:
                    self._take(self._inbox.popleft())
                return
            self._passing = asyncio.create_task(self._pass_on(), name="bayeux client: extensions")
        await asyncio.wait([self._passing])

    async def _pass_on(self) -> None:
        while self._inbox:
            message = await self._extensions.receive(self._inbox.popleft())
            if message is not None:
                self._take(message)

    def _take(self, message: Message) -> None:
        for event in self._conversation.receive([message]):
            self._hear(event)

    # -- transports ------------------------------------------------------------------------

    async def handshake(self, fields: Mapping[str, Any]) -> Message:
        """The reply to a handshake, over the first transport that brings one, and agree on a transport (NEG-1, NEG-2).

        Raises TransportFailed.
        """
        reply = await self._first_answer(fields)
        offered = reply.get("supportedConnectionTypes")
        if reply.get("successful") is True and isinstance(offered, list) and self._transport.name not in offered:
            common = [name for name in self._connection_types if name in offered]
            if common:  # one that carries handshakes but is not offered is left, if there is another
                await self._reopen(common[0])
        return reply

    async def _first_answer(self, fields: Mapping[str, Any]) -> Message:
        *preferred, last = self._connection_types
        for name in preferred:
            try:
                return await self._handshake_over(name, fields)
            except (ConnectFailed, TokenUnavailable):  # would be the same for the others
                raise
            except TransportFailed as failure:
                log.info("no handshake over %s: %s", name, failure)
        return await self._handshake_over(last, fields)

    async def _handshake_over(self, name: str, fields: Mapping[str, Any]) -> Message:
        if self._transport.name != name:
            await self._reopen(name)
        handshake = self._conversation.handshake(self._connection_types, fields)
        [reply] = await self.exchange([handshake], self._max_network_delay)
        return reply

    def succeeded(self) -> None:
        """A connect was answered."""
        self._silences = self._turned_away = 0

    def failed(self, failure: TransportFailed) -> bool:
        """Drop the connections after a failure; whether other transports, or other credentials, should be tried.

        That takes a handshake: after a refused upgrade, a 401, or when a socket opens and nothing comes back (NEG-2).
        The session is not given up for a proxy that has no server for a moment.
        """
        self._transport.abort()
        self._silences += isinstance(failure, ReplyTimeout) and self._transport.name != self._connection_types[-1]
        is_upgrade_refused = isinstance(failure, UpgradeRefused)
        self._turned_away += is_upgrade_refused and failure.status in PASSING
        if is_upgrade_refused and failure.status in PASSING and self._turned_away < PASSING_TRIES:
            return False
        is_refused = is_upgrade_refused or failure.status == 401 or self._silences >= TRIES
        if is_refused:
            self._silences = self._turned_away = 0
        return is_refused

    def abort(self) -> None:
        """Drop all connections now, and what an extension still holds back."""
        self._transport.abort()
        self._stop_passing()

    async def close(self) -> None:
        """Drop all connections politely."""
        passing = self._stop_passing()
        if passing is not None:
            await asyncio.wait([passing])
        await self._transport.close()

    def _stop_passing(self) -> asyncio.Task[None] | None:
        self._inbox.clear()
        passing = self._passing
        if passing is None or passing.done() or passing is asyncio.current_task():
            return None
        passing.cancel()
        return passing

    def _make_transport(self, name: str) -> Transport:
        if name == WebSocket.name:
            return WebSocket(
                self._endpoint, self._received, self._conversation.fail, self._random_bytes, self._subprotocol
            )
        return LongPolling(self._endpoint, self._received)

    async def _reopen(self, name: str) -> None:
        """Use a transport from here on, on fresh connections."""
        former, self._transport = self._transport, self._make_transport(name)
        self._is_outdated = False
        self._conversation.fail(TransportFailed("the client changed its transport"))
        await former.close()


class _Stopped(dict[str, Any]):
    """A request that an extension stopped: it is answered here."""


def _deleted(message: Message) -> Message:
    return {
        "id": message["id"],
        "channel": message["channel"],
        "successful": False,
        "error": MessageDeleted().wire,
        **({"subscription": message["subscription"]} if "subscription" in message else {}),
    }
