"""The client for scripts and threads without an event loop: the same calls, each waits for its end.

Owns one thread with a loop, in which a ``BayeuxClient`` lives. Everything else is that client's, so what is said
there of units, errors and promises holds here.

Source: CLI-5.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ssl as tls
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

from bayeux.client.batch import Batch as AsyncBatch
from bayeux.client.call import CALL_TIMEOUT, Call
from bayeux.client.client import BayeuxClient
from bayeux.client.errors import ClientDisconnected
from bayeux.client.event import Event, Message
from bayeux.client.extension import Extension
from bayeux.client.listeners import Listeners, State
from bayeux.client.replay import Recovery, Replay, ReplayFrom
from bayeux.client.subscription import MAX_QUEUE, Overflow
from bayeux.client.subscription import Subscription as AsyncSubscription

T = TypeVar("T")


class ClientOptions(TypedDict, total=False):
    """What ``BayeuxClient`` takes besides the URL; said there."""

    transports: Sequence[str]
    headers: Mapping[str, str] | None
    ext: Mapping[str, Any] | None
    fields: Mapping[str, Any] | None
    auth: tuple[str, str] | None
    ssl: tls.SSLContext | None
    subprotocol: str | None
    extensions: Iterable[Extension]
    replay: Replay | None
    max_network_delay: float
    max_message_size: int
    on_state: Callable[[State], None] | None
    random: Callable[[], float]
    clock: Callable[[], float]
    random_bytes: Callable[[int], bytes]


class Client:
    """A session with a Bayeux server, for code that waits.

    ::

        with Client("https://example.org/cometd") as client, client.subscribe("/chat/*") as chat:
            client.publish("/chat/room", {"text": "hi"})
            for event in chat.events(timeout=5.0):
                print(event.data)

    It may be used by several threads. Listeners and extensions run in the thread of the loop; they
    must not call this client, which would wait for itself and raises RuntimeError.

    Raises ValueError for what makes no sense.
    """

    def __init__(self, url: str, **options: Unpack[ClientOptions]) -> None:
        self._client = BayeuxClient(url, **options)
        self._thread: _LoopThread | None = None

    @property
    def state(self) -> State:
        """How the client stands with its server (CLI-5)."""
        return self._client.state

    @property
    def client_id(self) -> str | None:
        """The session's id, a secret; None while there is no session."""
        return self._client.client_id

    @property
    def connection_type(self) -> str:
        """The transport in use."""
        return self._client.connection_type

    @property
    def listeners(self) -> Listeners:
        """Told of states and replies, in the thread of the loop."""
        return self._client.listeners

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def open(self) -> None:
        """As ``BayeuxClient.open``; the thread ends with ``disconnect``, or when this raises."""
        if self._thread is not None:
            raise ClientDisconnected("a client is opened once")
        self._thread = _LoopThread()
        try:
            self._run(self._client.open())
        except BaseException:
            self._thread.end()
            raise

    def disconnect(self) -> None:
        """As ``BayeuxClient.disconnect``; the thread has ended when it returns."""
        if self._is_running and self._thread is not None:
            self._thread.check_caller()
            try:
                self._run(self._client.disconnect())
            finally:
                self._thread.end()

    def wait_for_state(self, *states: State, timeout: float | None = None) -> State:
        """Wait until the client is in one of ``states``. Raises TimeoutError after ``timeout`` seconds."""
        return self._run(_within(timeout, partial(self._client.wait_for_state, *states)))

    def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> Message:
        """As ``BayeuxClient.publish``."""
        return self._run(self._client.publish(channel, data, ext=ext))

    def call(
        self,
        target: str,
        data: Any = None,
        *,
        timeout: float | None = CALL_TIMEOUT,
        ext: Mapping[str, Any] | None = None,
    ) -> Any:
        """As ``BayeuxClient.call``."""
        return self._run(self._client.call(target, data, timeout=timeout, ext=ext))

    def subscribe(
        self,
        *channels: str,
        replay: ReplayFrom | None = None,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> Subscription:
        """As ``BayeuxClient.subscribe``, to be read by a ``for`` loop."""
        subscribing = self._client.subscribe(*channels, replay=replay, max_queue=max_queue, overflow=overflow)
        return Subscription(self._run(subscribing), self)

    def unsubscribe(self, subscription: Subscription) -> None:
        """As ``BayeuxClient.unsubscribe``."""
        self._run(self._client.unsubscribe(subscription.subscription))

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """As ``BayeuxClient.batch``."""
        batch = Batch(self._client.make_batch(), self)
        try:
            yield batch
        except BaseException:
            batch.batch.give_up()
            raise
        self._run(self._client.send(batch.batch))

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Have the loop's thread do it."""
        if self._thread is None:
            coroutine.close()
            raise ClientDisconnected("the client is not open: enter it with `with`, or call its open()")
        return self._thread.run(coroutine)

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_running


class Batch:
    """As ``bayeux.client.Batch``; made by ``Client.batch``."""

    def __init__(self, batch: AsyncBatch, client: Client) -> None:
        self.batch = batch
        self._client = client

    def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> None:
        """As ``Client.publish``. Raises ChannelInvalid."""
        self.batch.publish(channel, data, ext=ext)

    def call(
        self,
        target: str,
        data: Any = None,
        *,
        timeout: float | None = CALL_TIMEOUT,
        ext: Mapping[str, Any] | None = None,
    ) -> Call:
        """As ``Client.call``; ask the call for its result behind the block. Raises ChannelInvalid."""
        return self.batch.call(target, data, timeout=timeout, ext=ext)

    def subscribe(
        self,
        *channels: str,
        replay: ReplayFrom | None = None,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> Subscription:
        """As ``Client.subscribe``; reading a subscription that is refused raises the refusal."""
        made = self.batch.subscribe(*channels, replay=replay, max_queue=max_queue, overflow=overflow)
        return Subscription(made, self._client)


class Subscription:
    """As ``bayeux.client.Subscription``: iterate over it, or take one event at a time."""

    def __init__(self, subscription: AsyncSubscription, client: Client) -> None:
        self.subscription = subscription
        self._client = client

    @property
    def channels(self) -> tuple[str, ...]:
        """Names and patterns, as the server knows them."""
        return self.subscription.channels

    @property
    def recovery(self) -> Mapping[str, Recovery]:
        """What the server last said of the replay of each channel."""
        return self.subscription.recovery

    def get(self, timeout: float | None = None) -> Event:
        """The next event.

        Raises TimeoutError when none came within ``timeout`` seconds, ClientDisconnected at the
        end, and whatever else ended the subscription.
        """
        try:
            return self._next(timeout)
        except _End:
            raise ClientDisconnected("the subscription has ended") from None

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """The events until the end, or until none came for ``timeout`` seconds."""
        while True:
            try:
                event = self._next(timeout)
            except (_End, TimeoutError):
                return
            yield event

    def _next(self, timeout: float | None) -> Event:
        try:
            return self._client._run(_within(timeout, partial(_next, self.subscription)))
        except ClientDisconnected:
            if self._client._is_running:
                raise
            return _left(self.subscription)

    def __iter__(self) -> Iterator[Event]:
        return self.events()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client._is_running:
            try:
                self._client._run(self.subscription.__aexit__(kind, error, trace))
            except ClientDisconnected:
                if self._client._is_running:
                    raise


class _End(Exception):
    """StopAsyncIteration, which cannot leave a coroutine."""


async def _next(subscription: AsyncSubscription) -> Event:
    try:
        return await anext(subscription)
    except StopAsyncIteration:
        raise _End from None


def _left(subscription: AsyncSubscription) -> Event:
    """The next of the events that had come before the client was closed. Raises _End, and what else ended it."""
    if not subscription.waiting and subscription.error is None:
        raise _End
    try:
        _next(subscription).send(None)  # which has nothing to wait for
    except StopIteration as done:
        event: Event = done.value
        return event
    raise _End


async def _within(timeout: float | None, wait: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async with asyncio.timeout(timeout):
        return await wait()


class _LoopThread:
    """A thread that runs a loop until it is told to end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="bayeux client", daemon=True)
        self._is_ending = False
        self._lock = threading.Lock()
        """What is given to the loop is given before it is told to stop, or not at all: then nobody waits for ever."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it takes work; not after a fork, which copies no threads."""
        return not self._is_ending and self._thread.is_alive()

    def check_caller(self) -> None:
        """Raises RuntimeError in its own thread, which would wait for itself."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("called by a listener or an extension of the same client")

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Do it there and wait for it. An exception here, such as KeyboardInterrupt, cancels it there."""
        try:
            future = self._begin(coroutine)
        except (ClientDisconnected, RuntimeError):
            coroutine.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ClientDisconnected("the client was closed") from None
        except BaseException:
            future.cancel()
            raise

    def _begin(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        self.check_caller()
        with self._lock:
            if self._is_ending:
                raise ClientDisconnected("the client was closed")
            if not self._thread.is_alive():
                raise ClientDisconnected("the client's thread has gone: none outlives a fork, or an exit in a listener")
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def end(self) -> None:
        """Stop the loop, cancel what still runs in it, and wait for the thread."""
        with self._lock:
            if self.is_running:
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._is_ending = True
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
