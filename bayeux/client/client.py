"""The Bayeux client for asyncio: sessions that come back by themselves, channels read by ``async for``.

Owns one task, which handshakes, subscribes again and connects as the conversation says. What a
message means is decided in ``conversation``; how it gets to the server in ``link``; what is
subscribed in ``subscriber``.

Source: section 17 of the server API (CLI-1…5), sections 6, 19 and 22 of the Bayeux reference.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random as chance
import ssl as tls
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from bayeux.client.advice import Advice
from bayeux.client.batch import (
    Batch,
    Request,
    call,
    publish,
    unsubscribe,
)
from bayeux.client.call import CALL_TIMEOUT, Call
from bayeux.client.conversation import Conversation, Step
from bayeux.client.errors import ClientDisconnected, ClientError, ReplyTimeout, RequestRefused, TransportFailed
from bayeux.client.event import Message
from bayeux.client.extension import Extension, Extensions
from bayeux.client.http import check_text, make_endpoint
from bayeux.client.link import Link
from bayeux.client.listeners import Listeners, Reply, State, StateChange, tell
from bayeux.client.replay import Replay, ReplayFrom, position_in_ext
from bayeux.client.subscriber import Subscriber
from bayeux.client.subscription import MAX_QUEUE, Callback, Overflow, Subscription
from bayeux.protocol.channel import META_DISCONNECT

TRANSPORTS = ("websocket", "long-polling")
OPENING = 0.8  # of the time for a reply: a connection that is not made is told as that, not as a missing reply
MAX_MESSAGE_SIZE = 16 * 1024 * 1024  # our server queues 1 MiB a session; others know no bound

log: logging.Logger = logging.getLogger(__name__)


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
        fields: of every handshake, beside those of the protocol.
        auth: user and password for HTTP Basic; for tokens there is ``TokenAuth``.
        ssl: for ``https`` and ``wss``; the default checks the server's name and certificate.
        subprotocol: offered with WebSocket upgrades (WS-2).
        extensions: see every message, in this order on the way in.
        replay: where positions are kept and what is done about a gap; see ``Replay``.
        max_network_delay: seconds a reply may take, beyond the time a connect is held.
        max_message_size: bytes of one answer or WebSocket message; more breaks the connection.
        on_state: told each new state, in order; must not wait. ``listeners.state`` is told more.
        random, clock, random_bytes: where chance and time come from.

    Raises ValueError for what makes no sense.
    """

    def __init__(
        self,
        url: str,
        *,
        transports: Sequence[str] = TRANSPORTS,
        headers: Mapping[str, str] | None = None,
        ext: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
        ssl: tls.SSLContext | None = None,
        subprotocol: str | None = None,
        extensions: Iterable[Extension] = (),
        replay: Replay | None = None,
        max_network_delay: float = 10.0,
        max_message_size: int = MAX_MESSAGE_SIZE,
        on_state: Callable[[State], None] | None = None,
        random: Callable[[], float] = chance.random,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if isinstance(transports, str) or not transports or not set(transports) <= set(TRANSPORTS):
            raise ValueError(f"transports: {transports!r} is no choice from {TRANSPORTS!r}")
        if max_network_delay <= 0 or max_message_size < 1:
            raise ValueError("max_network_delay and max_message_size: give more than nothing")
        check_text(subprotocol or "")
        endpoint = make_endpoint(
            url,
            headers=headers or {},
            auth=auth,
            ssl=ssl,
            open_timeout=OPENING * max_network_delay,
            max_message_size=max_message_size,
        )
        self.listeners: Listeners = Listeners()
        """Told of states and of the replies to all requests."""
        self._fields = {**(fields or {}), **({"ext": dict(ext)} if ext else {})}
        self._max_network_delay = max_network_delay
        self._on_state = on_state
        self._state_change = asyncio.Event()
        self._has_session = asyncio.Event()
        self._conversation = Conversation(
            clock=clock,
            random=random,
            on_state=self._state_changed,
            position_of=replay.position_of if replay else position_in_ext,
        )
        self._subscriber = Subscriber(self._conversation, replay, self.unsubscribe, max_network_delay)
        self.extensions: Extensions = Extensions(self, max_network_delay)
        """Those of this client; ``extensions.add(extension)`` registers one more and returns how to remove it."""
        self._link = Link(
            self._conversation,
            endpoint,
            self.extensions,
            connection_types=transports,
            max_network_delay=max_network_delay,
            random_bytes=random_bytes,
            subprotocol=subprotocol,
            hear=self._subscriber.hear,
            told=self._told,
        )
        self._opening: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._end: Exception | None = None
        for extension in extensions:
            self.extensions.append(extension)

    # -- what it is ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """How the client stands with its server (CLI-5)."""
        return self._conversation.state

    @property
    def since(self) -> float:
        """When that state began, by the client's clock, in seconds."""
        return self._conversation.since

    @property
    def heard(self) -> float:
        """When the server last answered a connect with success, by the client's clock, in seconds."""
        return self._conversation.heard

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
        return self._link.connection_type

    async def wait_for_state(self, *states: State) -> State:
        """Wait until the client is in one of ``states``; ``on_state`` sees those that pass at once.

        Raises ClientDisconnected once none of them will come any more.
        """
        while self.state not in states:
            if self.state is State.DISCONNECTED:
                raise ClientDisconnected(str(self._end or "the client has ended"))
            await self._state_change.wait()
        return self.state

    def set_header(self, name: str, value: str) -> None:
        """Say this in every HTTP request from here on; a WebSocket says it when it is next opened.

        Raises ValueError for what would end its line.
        """
        self._link.set_header(name, value)

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
        if self._opening is not None or self._end is not None:
            raise ClientDisconnected("a client is opened once")
        self._opening = asyncio.create_task(self._connect_first(), name="bayeux client: open")
        try:
            await self._opening
            self._raise_end()
        except BaseException as error:
            is_closed = self._end is not None
            self._end = self._end or ClientDisconnected(f"the client could not be opened: {error}")
            self._conversation.stop(str(self._end))
            await self._link.close()
            if is_closed:
                raise self._end from None
            raise
        self._task = asyncio.create_task(self._stay_connected(), name="bayeux client: stay connected")
        self._task.add_done_callback(self._ended)

    async def _connect_first(self) -> None:
        while self.state is not State.CONNECTED:
            await self._advance()

    def _raise_end(self) -> None:
        if self._end is not None:
            raise self._end

    async def disconnect(self) -> None:
        """End the session and the client; subscriptions end without an error. Again does nothing.

        Callbacks are given what has come, for ``max_network_delay`` at most. A client that is being opened
        is given up: its ``open`` raises ClientDisconnected.
        """
        task, self._task = self._task, None
        if task is None:
            if self._opening is not None and self._end is None:
                self._end = ClientDisconnected("the client was closed")
                self._opening.cancel()
            return
        self._end = self._end or ClientDisconnected("the client was closed")
        try:
            # First, or it would answer our farewell's effects with another connect, or a new session.
            task.cancel()
            await asyncio.wait([task])
            if self.client_id is not None:
                farewell = self._conversation.message(META_DISCONNECT, {})
                await self._link.exchange([farewell], self._max_network_delay)
        except (TransportFailed, ClientDisconnected):
            pass  # the server learns of it by our absence (SES-8), or has sent us away just now
        finally:
            self._conversation.stop("the client was closed")
            self._conversation.fail(ClientDisconnected("the client was closed"))
            self._has_session.set()
            self._subscriber.end(None)
            await self._link.close()
            await self._subscriber.finish_callbacks()

    # -- what it does ----------------------------------------------------------------------

    async def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> Message:
        """Publish ``data``, any JSON value; returns the server's reply, which is successful.

        Raises PublishRefused; TransportFailed when there was no answer, and nobody knows who got
        it; ClientDisconnected, ChannelInvalid; TypeError for what JSON cannot say.
        """
        return await self._ask(publish(channel, data, ext))

    async def call(
        self,
        target: str,
        data: Any = None,
        *,
        timeout: float | None = CALL_TIMEOUT,
        ext: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a method of the server and return what it returns, any JSON value (RPC-1…7).

        The call outlives a broken connection, because the server keeps the answer; it does not
        outlive the session.

        Args:
            target: the method's name; the call is published on ``/service/<target>``.
            timeout: seconds to wait for the answer; None waits while the session lives.

        Raises CallFailed when the method failed; CallRefused when it was not reached;
        ReplyTimeout; SessionLost and other TransportFailed, ClientDisconnected when nobody knows;
        ChannelInvalid; TypeError for what JSON cannot say.
        """
        made = Call(target, timeout)
        await self._ask(call(made, data, ext))
        return made.result()

    async def subscribe(
        self,
        *channels: str,
        callback: Callback | None = None,
        replay: ReplayFrom | None = None,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> Subscription:
        """Subscribe to channels and patterns: to all of them, or to none.

        Args:
            callback: given the events one after the other, instead of the reader of the
                subscription; plain or coroutine function. One that raises is logged.
            replay: where in their history the channels begin: ``ALL_RETAINED`` (-2),
                ``ONLY_NEW`` (-1), a replay id or a ``Position`` after which events are wanted, or
                a mapping of these by channel (RPL-12, RPL-17, RPL-19). None begins where ``Replay``
                says; without one nothing is said, and the server begins with new events.
            max_queue: events that may wait to be read.
            overflow: what happens to more.

        Raises SubscribeRefused, ReplayGap among them, TransportFailed, ClientDisconnected,
        ChannelInvalid, ValueError.
        """
        request = self._subscriber.request(channels, callback, replay, max_queue, overflow)
        await self._ask(request)
        assert request.subscription is not None
        return request.subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; the server is told of channels that no other one has.

        A callback is not called again. Raises UnsubscribeRefused, TransportFailed. The
        subscription has ended in any case.
        """
        unused = self._subscriber.remove(subscription)
        if unused and self._end is None and self._has_session.is_set():  # the next session is not told of it
            await self._ask(unsubscribe(unused))

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """Collect requests in the block, send them together at its end, wait for all replies and answers (BAT-2).

        An exception in the block sends nothing, and ends its subscriptions. Refusals are raised as an
        ``ExceptionGroup`` of RequestRefused; what was not refused was done. What became of a call tells its ``result``.
        """
        batch = self.make_batch()
        try:
            yield batch
        except BaseException:
            batch.give_up()
            raise
        await self.send(batch)

    def make_batch(self) -> Batch:
        """A batch for who cannot use ``batch``'s block; ``send`` sends it."""
        return Batch(self._subscriber.request)

    async def send(self, batch: Batch) -> None:
        """Send what was collected, as the end of ``batch``'s block does. Raises ExceptionGroup."""
        if batch.requests:
            outcomes = await self._perform(batch.requests)
            refusals = [outcome for outcome in outcomes if isinstance(outcome, RequestRefused)]
            if refusals:
                raise ExceptionGroup("the server refused requests of a batch", refusals)

    # -- asking ----------------------------------------------------------------------------

    async def _ask(self, request: Request) -> Message:
        [outcome] = await self._perform([request])
        if isinstance(outcome, RequestRefused):
            raise outcome
        return outcome

    async def _perform(self, requests: Sequence[Request]) -> list[Message | RequestRefused]:
        """Send requests together; what the server said of each, once the calls among them are over."""
        for request in requests:
            self._subscriber.expect(request)
        calls = [request.call for request in requests if request.call is not None]
        try:
            await self._session()
            messages = [self._conversation.message(request.channel, request.fields) for request in requests]
            for request, message in zip(requests, messages, strict=True):
                if request.call is not None:
                    request.call.expect_answer(self._conversation, message)
            replies = await self._link.exchange(messages, self._patience(requests))
            outcomes = [await self._judge(request, reply) for request, reply in zip(requests, replies, strict=True)]
            for made in calls:
                await made.wait()
        except BaseException as error:
            for request in requests:
                self._fail(request, error)
            raise
        finally:
            for made in calls:
                made.abandon()
        return outcomes

    def _patience(self, requests: Iterable[Request]) -> float | None:
        """Seconds until the last of these must have been answered; None: as long as it takes."""
        longest = 0.0
        for request in requests:
            timeout = self._max_network_delay if request.call is None else request.call.timeout
            if timeout is None:
                return None
            longest = max(longest, timeout)
        return longest

    async def _judge(self, request: Request, reply: Message) -> Message | RequestRefused:
        """What a reply means for its request."""
        if request.call is not None and request.call.replied(reply):
            return reply
        if reply.get("successful") is True:
            if request.subscription is not None:
                self._subscriber.subscribed(request.subscription, reply)
            return reply
        instead = self._subscriber.after_gap(request, reply)
        if instead is not None:
            [outcome] = await self._perform([instead])
            return outcome
        refused = request.refused(reply)
        self._fail(request, refused)
        return refused

    def _fail(self, request: Request, error: BaseException) -> None:
        if request.subscription is not None:
            self._subscriber.drop(request.subscription, error if isinstance(error, Exception) else None)
        if request.call is not None:
            request.call.fail(error if isinstance(error, Exception) else ClientError("the call was cancelled"))

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

    # -- staying connected -----------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._advance()
            except TransportFailed as failure:
                log.debug("%s", failure)
            except TypeError as error:  # an extension's doing; the application's own fields were sent before
                log.exception("a request of the client's own cannot be sent")
                self._conversation.broken(is_refused=False, reason=str(error))

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
                await self._hear_announced()
                await self._subscriber.subscribe_again(self._link)
                await self._connect()
            else:
                raise ClientDisconnected("the server disconnected this client")
        except TransportFailed as failure:
            conversation.broken(is_refused=self._link.failed(failure), reason=str(failure))
            raise

    async def _handshake(self) -> None:
        self._has_session.clear()
        reply = await self._link.handshake(self._fields)
        self._conversation.handshake_answered(reply)
        if self.client_id is not None:
            self._subscriber.session_began()
            self._has_session.set()

    async def _hear_announced(self) -> None:
        """Wait for the events that a handshake's reply announced, before a connect acknowledges them (HS-14)."""
        came = asyncio.Event()
        if self._conversation.expect_announced(came.set):
            try:
                async with asyncio.timeout(self._max_network_delay):
                    await came.wait()
            except TimeoutError:
                raise ReplyTimeout("events that the handshake announced did not come") from None

    async def _connect(self) -> None:
        connect = self._conversation.connect(self._link.connection_type)
        timeout = self._max_network_delay + self._conversation.hold(connect)
        [reply] = await self._link.exchange([connect], timeout)
        self._link.succeeded()
        self._conversation.connect_answered(reply)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The server said so, or there is a bug: tell who waits. A ``disconnect`` tells them itself."""
        if self._task is None:
            return
        error = None if task.cancelled() else task.exception()  # a loop that ends cancels what is left in it
        if error is not None and not isinstance(error, ClientError):
            log.error("the client has ended by a fault of its own", exc_info=error)
        self._end = error if isinstance(error, Exception) else ClientDisconnected("the client was stopped")
        self._conversation.stop(str(self._end))
        self._link.abort()
        self._conversation.fail(ClientDisconnected(str(self._end)))
        self._has_session.set()
        self._subscriber.end(self._end)

    # -- being told ------------------------------------------------------------------------

    def _told(self, reply: Reply) -> None:
        tell(self.listeners.of(reply.request["channel"]), reply)

    def _state_changed(self, change: StateChange) -> None:
        log.info("%s%s", change.state.value, change.reason and f": {change.reason}")
        self._state_change.set()
        self._state_change.clear()
        if self._on_state is not None:
            tell([self._on_state], change.state)
        tell(self.listeners.state, change)
