"""The Bayeux client for asyncio: sessions that come back by themselves, channels read by ``async for``.

Owns one task, which handshakes, subscribes again and connects as the conversation says, and
the choice of the transport. What a message means is decided in ``conversation``.

Source: section 17 of the server API (CLI-1…5), sections 6, 19 and 22 of the Bayeux reference.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random as chance
import ssl as tls
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from bayeux.client.batch import Batch, Request, publish, subscribe, unsubscribe
from bayeux.client.conversation import Advice, Conversation, Message, State, Step
from bayeux.client.errors import (
    ClientDisconnected,
    ConnectFailed,
    ReplyTimeout,
    RequestRefused,
    SubscribeRefused,
    TransportFailed,
    UpgradeRefused,
)
from bayeux.client.http import make_endpoint
from bayeux.client.long_polling import LongPolling
from bayeux.client.subscription import MAX_QUEUE, Overflow, Subscription, Subscriptions
from bayeux.client.transport import Transport
from bayeux.client.websocket import WebSocket
from bayeux.protocol.channel import META_DISCONNECT, META_SUBSCRIBE
from bayeux.protocol.errors import ChannelInvalid

TRANSPORTS = ("websocket", "long-polling")
MAX_MESSAGE_SIZE = 16 * 1024 * 1024  # our server queues 1 MiB a session; others know no bound
RESUBSCRIBE_AT_ONCE = 50  # half of what our server takes in one request (SEC-L11)

log = logging.getLogger(__name__)


class BayeuxClient:
    """A session with a Bayeux server.

    ::

        async with BayeuxClient("https://example.org/cometd") as client:
            async with await client.subscribe("/chat/*") as chat:
                await client.publish("/chat/room", {"text": "hi"})
                async for event in chat:
                    ...

    Entering returns when the server has answered the first connect, or raises TransportFailed
    or HandshakeRefused. From then on the client comes back by itself, with growing pauses,
    and subscribes again when it gets a new session (CLI-3); it ends when it is closed or the
    server says so. To be used in one event loop.

    Args:
        url: ``http``, ``https``, ``ws`` or ``wss``; each transport uses its own.
        transports: in order of preference; a handshake takes the first that works.
        headers: of every HTTP request, the WebSocket upgrade included.
        ext: of every handshake, where servers look for tokens.
        auth: user and password for HTTP Basic.
        ssl: for ``https`` and ``wss``; the default checks the server's name and certificate.
        max_network_delay: seconds a reply may take, beyond the time a connect is held.
        max_message_size: bytes of one answer or WebSocket message; more breaks the connection.
        on_state: told each new state, in order; must not wait.
        random, clock, random_bytes: where chance and time come from.
    """

    def __init__(
        self,
        url: str,
        *,
        transports: Sequence[str] = TRANSPORTS,
        headers: Mapping[str, str] | None = None,
        ext: Mapping[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
        ssl: tls.SSLContext | None = None,
        max_network_delay: float = 10.0,
        max_message_size: int = MAX_MESSAGE_SIZE,
        on_state: Callable[[State], None] | None = None,
        random: Callable[[], float] = chance.random,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not transports or not set(transports) <= set(TRANSPORTS):
            raise ValueError(f"transports: choose from {', '.join(TRANSPORTS)}")
        self._endpoint = make_endpoint(
            url,
            headers=headers or {},
            auth=auth,
            ssl=ssl,
            open_timeout=max_network_delay,
            max_message_size=max_message_size,
        )
        self._connection_types = tuple(transports)
        self._ext = ext or {}
        self._max_network_delay = max_network_delay
        self._random_bytes = random_bytes
        self._on_state = on_state
        self._state_change = asyncio.Event()
        self._has_session = asyncio.Event()
        self._subscriptions = Subscriptions()
        self._unconfirmed: set[str] = set()  # patterns the present session may not know
        self._conversation = Conversation(clock=clock, random=random, on_state=self._state_changed)
        self._transport: Transport = self._make_transport(transports[0])
        self._task: asyncio.Task[None] | None = None
        self._end: Exception | None = None

    # -- what it is ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """How the client stands with its server."""
        return self._conversation.state

    @property
    def since(self) -> float:
        """When that state began, by the client's clock."""
        return self._conversation.since

    @property
    def client_id(self) -> str | None:
        """The session's id, a secret; None while there is no session."""
        return self._conversation.client_id

    @property
    def advice(self) -> Advice:
        """The server's advice in force."""
        return self._conversation.advice

    @property
    def connection_type(self) -> str:
        """The transport in use."""
        return self._transport.name

    async def wait_for_state(self, *states: State) -> State:
        """Wait until the client is in one of ``states``; ``on_state`` sees those that pass at once."""
        while self.state not in states:
            await self._state_change.wait()
        return self.state

    # -- its life --------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def open(self) -> None:
        """Make a session and stay connected until ``disconnect``; once in a client's life.

        Raises TransportFailed, HandshakeRefused, ClientDisconnected; the client has then ended.
        """
        if self._task is not None or self._end is not None:
            raise ClientDisconnected("a client is opened once")
        try:
            while self.state is not State.CONNECTED:
                await self._advance()
        except BaseException as error:
            self._end = ClientDisconnected(f"the client could not be opened: {error}")
            self._conversation.stop()
            await self._transport.close()
            raise
        self._task = asyncio.create_task(self._stay_connected(), name="bayeux client: stay connected")
        self._task.add_done_callback(self._ended)

    async def disconnect(self) -> None:
        """End the session and the client; subscriptions end without an error. Again does nothing."""
        task, self._task = self._task, None
        if task is None:
            return
        self._end = self._end or ClientDisconnected("the client was closed")
        try:
            # First, or it would answer our farewell's effects with another connect, or a new session.
            task.cancel()
            await asyncio.wait([task])
            if self.client_id is not None:
                farewell = self._conversation.message(META_DISCONNECT, {})
                await self._exchange([farewell], self._max_network_delay)
        except TransportFailed:
            pass  # the server learns of it by our absence (SES-8)
        finally:
            self._conversation.stop()
            self._conversation.fail(ClientDisconnected("the client was closed"))
            self._has_session.set()
            self._subscriptions.end(None)
            await self._transport.close()

    # -- what it does ----------------------------------------------------------------------

    async def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> None:
        """Publish ``data``, any JSON value, and wait for the server's word on it.

        Raises PublishRefused; TransportFailed when there was no answer, and nobody knows who got
        it; ClientDisconnected, ChannelInvalid; TypeError for what JSON cannot say.
        """
        await self._ask(publish(channel, data, ext))

    async def subscribe(self, *channels: str, max_queue: int = MAX_QUEUE, overflow: Overflow = "fail") -> Subscription:
        """Subscribe to channels and patterns: to all of them, or to none.

        Args:
            max_queue: events that may wait to be read.
            overflow: what happens to more.

        Raises SubscribeRefused, TransportFailed, ClientDisconnected, ChannelInvalid.
        """
        subscription = Subscription(channels, self.unsubscribe, max_queue=max_queue, overflow=overflow)
        await self._ask(subscribe(subscription))
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; the server is told of channels that no other one has.

        Raises UnsubscribeRefused, TransportFailed. The subscription has ended in any case.
        """
        subscription.end()
        unused = self._subscriptions.remove(subscription)
        if unused and self._end is None:
            await self._ask(unsubscribe(tuple(unused)))

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """Collect requests in the block, send them together at its end, wait for all replies (BAT-2).

        An exception in the block sends nothing. Refusals are raised as an ``ExceptionGroup`` of
        RequestRefused; what was not refused was done.
        """
        batch = Batch(self.unsubscribe)
        yield batch
        if batch.requests:
            refusals = await self._refusals(batch.requests)
            if refusals:
                raise ExceptionGroup("the server refused part of the batch", refusals)

    # -- requests --------------------------------------------------------------------------

    async def _ask(self, request: Request) -> None:
        for refusal in await self._refusals([request]):
            raise refusal

    async def _refusals(self, requests: Sequence[Request]) -> list[RequestRefused]:
        """Send requests together; what the server refused of them."""
        subscriptions = [request.subscription for request in requests if request.subscription is not None]
        for subscription in subscriptions:  # now: an event may come before the reply (CLI-4)
            self._subscriptions.add(subscription)
        try:
            await self._session()
            messages = [self._conversation.message(request.channel, request.fields) for request in requests]
            replies = await self._exchange(messages, self._max_network_delay)
        except BaseException as error:
            for subscription in subscriptions:
                self._drop(subscription, error)
            raise
        refusals = []
        for request, reply in zip(requests, replies, strict=True):
            if reply.get("successful") is not True:
                refusals.append(request.refusal(reply))
                if request.subscription is not None:
                    self._drop(request.subscription, refusals[-1])
        return refusals

    async def _session(self) -> None:
        """Wait for a session, as long as for a reply."""
        try:
            async with asyncio.timeout(self._max_network_delay):
                if self._task is not None:
                    await self._has_session.wait()
        except TimeoutError:
            raise TransportFailed("there is no session with the server") from None
        if self._task is None or self._end is not None:
            raise ClientDisconnected(str(self._end or "the client is not open")) from self._end

    async def _exchange(self, messages: Sequence[Message], timeout: float) -> list[Message]:
        """Send messages together; their replies in the same order.

        Raises TransportFailed, and ClientDisconnected when the server ended the session instead.
        """
        settled = asyncio.Event()
        exchange = self._conversation.expect(messages, settled.set)
        try:
            async with asyncio.timeout(timeout):
                await self._transport.send(messages)
                await settled.wait()
        except TimeoutError:
            raise ReplyTimeout(f"no reply within {timeout:g} s") from None
        finally:
            self._conversation.abandon(exchange)
        if exchange.error is not None:
            raise exchange.error
        return exchange.replies

    # -- staying connected -----------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._advance()
            except TransportFailed as failure:
                log.debug("%s", failure)

    async def _advance(self) -> None:
        """Do the conversation's next step.

        Raises TransportFailed: it has to be done again. HandshakeRefused, ClientDisconnected: there is none.
        """
        conversation = self._conversation
        await asyncio.sleep(conversation.pause)
        try:
            if conversation.step is Step.HANDSHAKE:
                await self._handshake()
            elif conversation.step is Step.CONNECT:
                await self._resubscribe()
                await self._connect()
            else:
                raise ClientDisconnected("the server disconnected this client")
        except TransportFailed as failure:
            self._transport.abort()
            conversation.broken(is_refused=isinstance(failure, UpgradeRefused))
            raise

    async def _handshake(self) -> None:
        self._has_session.clear()
        reply = await self._first_answer()
        self._conversation.handshake_answered(reply)
        if self.client_id is not None:
            await self._agree(reply.get("supportedConnectionTypes"))
            self._unconfirmed = set(self._subscriptions.patterns)
            self._has_session.set()

    async def _first_answer(self) -> Message:
        """The reply to a handshake, over the first transport that brings one (NEG-2)."""
        *preferred, last = self._connection_types
        for name in preferred:
            try:
                return await self._handshake_over(name)
            except ConnectFailed:  # would be the same for the others
                raise
            except TransportFailed as failure:
                log.info("no handshake over %s: %s", name, failure)
        return await self._handshake_over(last)

    async def _handshake_over(self, name: str) -> Message:
        await self._use(name)
        handshake = self._conversation.handshake(self._connection_types, self._ext)
        [reply] = await self._exchange([handshake], self._max_network_delay)
        return reply

    async def _agree(self, offered: object) -> None:
        """Leave a transport that carries handshakes but is not offered, if there is another in common (NEG-1)."""
        if isinstance(offered, list) and self._transport.name not in offered:
            common = [name for name in self._connection_types if name in offered]
            if common:
                await self._use(common[0])

    async def _resubscribe(self) -> None:
        """Tell a new session what is subscribed here, each on its own: one refusal is not all (CLI-3)."""
        while patterns := [each for each in self._subscriptions.patterns if each in self._unconfirmed]:
            patterns = patterns[:RESUBSCRIBE_AT_ONCE]
            messages = [self._conversation.message(META_SUBSCRIBE, {"subscription": each}) for each in patterns]
            replies = await self._exchange(messages, self._max_network_delay)
            self._unconfirmed.difference_update(patterns)
            for pattern, reply in zip(patterns, replies, strict=True):
                if reply.get("successful") is not True:
                    self._subscriptions.end(SubscribeRefused(reply), pattern)

    async def _connect(self) -> None:
        connect = self._conversation.connect(self._transport.name)
        timeout = self._max_network_delay + self._conversation.hold(connect)
        [reply] = await self._exchange([connect], timeout)
        self._conversation.connect_answered(reply)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The server said so, or there is a bug: tell who waits. A ``disconnect`` tells them itself."""
        if self._task is None or task.cancelled():
            return
        error = task.exception()
        self._end = error if isinstance(error, Exception) else ClientDisconnected("the client was stopped")
        self._conversation.stop()
        self._transport.abort()
        self._conversation.fail(ClientDisconnected(str(self._end)))
        self._has_session.set()
        self._subscriptions.end(self._end)

    # -- transports ------------------------------------------------------------------------

    def _make_transport(self, name: str) -> Transport:
        if name == WebSocket.name:
            return WebSocket(self._endpoint, self._received, self._conversation.fail, self._random_bytes)
        return LongPolling(self._endpoint, self._received)

    async def _use(self, name: str) -> None:
        if self._transport.name != name:
            former, self._transport = self._transport, self._make_transport(name)
            self._conversation.fail(TransportFailed("the client changed its transport"))
            await former.close()

    def _received(self, messages: list[Message]) -> None:
        for event in self._conversation.receive(messages):
            try:
                self._subscriptions.deliver(event)
            except ChannelInvalid:
                log.debug("an event on a channel that cannot be subscribed to")

    def _drop(self, subscription: Subscription, error: BaseException) -> None:
        self._subscriptions.remove(subscription)
        subscription.end(error if isinstance(error, Exception) else None)

    def _state_changed(self, state: State) -> None:
        log.info("%s", state.value)
        self._state_change.set()
        self._state_change.clear()
        if self._on_state is not None:
            self._on_state(state)
