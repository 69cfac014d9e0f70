"""A reader's view of some channels: a bounded queue of events, read by ``async for``."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from bayeux.client.conversation import Event
from bayeux.client.errors import SubscriptionOverflow, TransportFailed
from bayeux.protocol.channel import parse_channel

MAX_QUEUE = 1000  # the bound a server of ours has on the other side (SEC-L16)

Overflow = Literal["fail", "drop_old", "drop_new"]
"""What a full queue does: end the subscription with ``SubscriptionOverflow``, or lose events silently."""


class Subscription:
    """Events of one or more channels in the order they came, each once; made by ``BayeuxClient.subscribe``.

    Iterate over it in one task. The iteration ends when the subscription is given up or the
    client is closed; it raises what ended it otherwise: ``ClientDisconnected``,
    ``SubscribeRefused`` after a re-handshake, ``SubscriptionOverflow``. Events that had
    arrived before come first. As a context manager it is given up at the end of the block.

    Raises ChannelInvalid when made.
    """

    def __init__(
        self,
        channels: Sequence[str],
        give_up: Callable[[Subscription], Awaitable[None]],
        *,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> None:
        if not channels or max_queue < 1:
            raise ValueError("a subscription needs a channel and room for an event")
        self.channels = tuple(parse_channel(channel).text for channel in channels)
        """Names and patterns, as the server knows them."""
        self._events: deque[Event] = deque()
        self._max_queue = max_queue
        self._overflow = overflow
        self._give_up = give_up
        self._has_ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    def put(self, event: Event) -> None:
        """Queue one event, or do what was agreed on for a full queue."""
        if self._has_ended:
            return
        if len(self._events) >= self._max_queue:
            if self._overflow == "fail":
                self.end(SubscriptionOverflow(f"more than {self._max_queue} events were waiting"))
            if self._overflow != "drop_old":
                return
            self._events.popleft()
        self._events.append(event)
        self._changed.set()

    def end(self, error: Exception | None = None) -> None:
        """No more events; ``error`` is raised to the reader once it has read the others."""
        if not self._has_ended:
            self._has_ended, self._error = True, error
            self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._give_up(self)
        except TransportFailed:
            pass  # it has ended here, and a client that comes back does not ask for it again


class Subscriptions:
    """All subscriptions of a client, found by the channel of an event."""

    def __init__(self) -> None:
        self._by_pattern: dict[str, list[Subscription]] = {}

    @property
    def patterns(self) -> list[str]:
        """What the server has to know."""
        return list(self._by_pattern)

    def add(self, subscription: Subscription) -> None:
        """Deliver to it from here on."""
        for pattern in subscription.channels:
            self._by_pattern.setdefault(pattern, []).append(subscription)

    def remove(self, subscription: Subscription) -> list[str]:
        """Deliver to it no more; the patterns nobody else has."""
        unused = []
        for pattern in subscription.channels:
            others = [each for each in self._by_pattern.get(pattern, ()) if each is not subscription]
            if others:
                self._by_pattern[pattern] = others
            elif self._by_pattern.pop(pattern, None):
                unused.append(pattern)
        return unused

    def deliver(self, event: Event) -> None:
        """Give an event to all that match, once to each (CH-22).

        Raises ChannelInvalid for a channel no subscription can name.
        """
        reached: dict[Subscription, None] = {}
        for pattern in parse_channel(event.channel).patterns:
            reached.update(dict.fromkeys(self._by_pattern.get(pattern, ())))
        for subscription in reached:
            subscription.put(event)

    def end(self, error: Exception | None, pattern: str | None = None) -> None:
        """End all, or those on ``pattern``."""
        patterns = self.patterns if pattern is None else [pattern]
        for each in patterns:
            for subscription in list(self._by_pattern.get(each, ())):
                subscription.end(error)
                self.remove(subscription)
