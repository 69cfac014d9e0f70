"""A reader's view of some channels: a bounded queue of events, read by ``async for`` or by a callback."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, TypeAlias

from bayeux.client.errors import ClientDisconnected, ClientError, SubscriptionOverflow, TransportFailed
from bayeux.client.event import Event, Message
from bayeux.client.hook import call_hook
from bayeux.client.replay import ONLY_NEW, Recovery, Start, Starts, earliest, matching, recoveries
from bayeux.client.seen import Seen
from bayeux.protocol.channel import Kind, parse_channel

MAX_QUEUE = 1000  # the bound a server of ours has on the other side (SEC-L16)

Overflow: TypeAlias = Literal["fail", "drop_old", "drop_new"]
"""What a full queue does: end the subscription with ``SubscriptionOverflow``, or lose events silently."""
Callback: TypeAlias = "Callable[[Event], Awaitable[object] | object]"
"""Given one event after the other; may be a coroutine function."""

log: logging.Logger = logging.getLogger(__name__)


class Subscription:
    """Events of one or more channels in the order they came, each once; made by ``BayeuxClient.subscribe``.

    Iterate over it in one task. The iteration ends when the subscription is given up or the
    client is closed; it raises what ended it otherwise: ``ClientDisconnected``,
    ``SubscribeRefused`` after a re-handshake, ``SubscriptionOverflow``. Events that had
    arrived before come first. As a context manager it is given up at the end of the block.

    An event that has a position comes only once, however often the server sends it (CLI-3,
    ACK-31). It counts as processed when the next one is asked for (RPL-23).

    Args:
        starts: where the channels begin, for subscribing again before any event came.
        processed: told each event that has a position, once it was processed.

    Raises ChannelInvalid when made.
    """

    def __init__(
        self,
        channels: Sequence[str],
        give_up: Callable[[Subscription], Awaitable[None]],
        *,
        callback: Callback | None = None,
        starts: Starts | None = None,
        processed: Callable[[Event], None] | None = None,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> None:
        if not channels or max_queue < 1:
            raise ValueError("a subscription needs a channel and room for an event")
        self.channels: tuple[str, ...] = tuple(parse_channel(channel).text for channel in channels)
        """Names and patterns, as the server knows them."""
        self.callback = callback
        self.recovery: Mapping[str, Recovery] = {}
        """What the server last said of the replay of each channel; empty if it said nothing (RPL-14)."""
        self._starts = starts or {}
        self._seen = Seen()
        self._processed = processed
        self._in_hand: Event | None = None
        self._events: deque[Event] = deque()
        self._max_queue = max_queue
        self._overflow = overflow
        self._give_up = give_up
        self._has_ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        """Whether no more events will come; some may still wait to be read."""
        return self._has_ended

    @property
    def error(self) -> Exception | None:
        """What ended it; None while it lives, and when it was given up or the client closed."""
        return self._error

    @property
    def waiting(self) -> int:
        """How many events wait to be read."""
        return len(self._events)

    # -- events in -------------------------------------------------------------------------

    def put(self, event: Event) -> None:
        """Queue one event, or do what was agreed on for a full queue."""
        if self._has_ended or (event.position is not None and not self._seen.admit(event.channel, event.position)):
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

    def forget_waiting(self) -> None:
        """Drop what waits to be read."""
        self._events.clear()

    # -- events out ------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self.callback is not None:
            raise TypeError("the events of this subscription go to its callback")
        return await self._next()

    async def _next(self) -> Event:
        self._done()
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        self._in_hand = self._events.popleft()
        return self._in_hand

    def _done(self) -> None:
        event, self._in_hand = self._in_hand, None
        if event is not None and event.position is not None and self._processed is not None:
            self._processed(event)

    async def call_back(self) -> None:
        """Give the callback one event after the other, until the end; one that raises is logged, and goes on."""
        assert self.callback is not None
        try:
            while True:
                event = await self._next()
                try:
                    await call_hook(self.callback, event)
                except Exception:
                    log.exception("the callback for %s raised", event.channel)
        except StopAsyncIteration:
            pass
        except ClientDisconnected as error:
            log.info("no more events of %s: %s", ", ".join(self.channels), error)
        except ClientError as error:
            log.warning("no more events of %s: %s", ", ".join(self.channels), error)
            await self._give_up_unheard()

    async def _give_up_unheard(self) -> None:
        """Nobody else would: the server goes on sending what nobody hears."""
        try:
            await self._give_up(self)
        except ClientError as error:
            log.debug("could not unsubscribe from %s: %s", ", ".join(self.channels), error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._done()
        try:
            await self._give_up(self)
        except (TransportFailed, ClientDisconnected):
            pass  # it has ended here, and a client that comes back does not ask for it again

    # -- replay ----------------------------------------------------------------------------

    def starts_again(self, pattern: str) -> Starts:
        """From where a new session has to begin, so that nothing is missing here (CLI-3)."""
        return {**matching(pattern, self._starts), **self._seen.newest(pattern)}

    def begin(self, starts: Starts) -> None:
        """It was asked for from other places than at first."""
        for pattern, start in starts.items():
            if start != self._starts.get(pattern):
                self._seen.forget(pattern)
        self._starts = {**self._starts, **starts}

    def settle(self, starts: Starts) -> None:
        """See ``Subscriptions.settle``."""
        for pattern in starts:
            self._seen.settle(pattern)

    def subscribed(self, reply: Message) -> None:
        """The server has subscribed it, again or for the first time."""
        reports = recoveries(reply)
        if reports:
            self.recovery = {**self.recovery, **reports}
        for channel, report in reports.items():
            if report.count == 0 and not parse_channel(channel).is_wild:
                self._seen.begin_after(channel, report.position)


class Subscriptions:
    """All subscriptions of a client, found by the channel of an event."""

    def __init__(self) -> None:
        self._by_pattern: dict[str, list[Subscription]] = {}

    @property
    def patterns(self) -> list[str]:
        """What the server has to know."""
        return list(self._by_pattern)

    def on(self, pattern: str) -> list[Subscription]:
        """Those that name a pattern."""
        return list(self._by_pattern.get(pattern, ()))

    def add(self, subscription: Subscription) -> None:
        """Deliver to it from here on."""
        for pattern in subscription.channels:
            if subscription not in self.on(pattern):
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
        """Give an event to all that match, once to each (CH-22), those of ``/**`` no service message (CH-23).

        Raises ChannelInvalid for a channel no subscription can name.
        """
        channel = parse_channel(event.channel)
        patterns = channel.patterns[1:] if channel.kind is Kind.SERVICE else channel.patterns
        reached: dict[Subscription, None] = {}
        for pattern in patterns:
            reached.update(dict.fromkeys(self._by_pattern.get(pattern, ())))
        for subscription in reached:
            subscription.put(event)

    def end(self, error: Exception | None, pattern: str | None = None) -> None:
        """End all, or those on ``pattern``."""
        patterns = self.patterns if pattern is None else [pattern]
        for each in patterns:
            for subscription in self.on(each):
                subscription.end(error)
                self.remove(subscription)

    # -- replay ----------------------------------------------------------------------------

    def starts_again(self, pattern: str) -> Starts:
        """From where a new session has to ask for a pattern: from the earliest place that one of them needs."""
        wanted: dict[str, list[Start]] = {}
        for subscription in self.on(pattern):
            for channel, start in subscription.starts_again(pattern).items():
                wanted.setdefault(channel, []).append(start)
        return {channel: earliest(starts) for channel, starts in wanted.items()}

    def settle(self, starts: Starts) -> None:
        """A further subscription asks for these channels again: what comes of that is not for those there are."""
        replayed = {channel: start for channel, start in starts.items() if start != ONLY_NEW}
        if replayed:
            for subscription in {each: None for named in self._by_pattern.values() for each in named}:
                subscription.settle(replayed)
