"""A tap on a bus: what this process sends and takes, for operators who listen. It takes nothing from anybody.

While nobody listens nothing is kept, so it costs a comparison a message. A message that is sent and taken by the same
process is heard once, and so is one that comes again.

Source: MRE-116, MRE-152.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.routing.bus.bus import Bus, BusMessage, Consumer, Delivery
from gateway.routing.bus.dead_letters import masked

LISTENING: Final = 10.0
"""Seconds for which a tap stays open after somebody has listened."""
MOST_HEARD: Final = 1000
"""Messages that are kept; the oldest go first, and who listens is told how many he missed."""
LONGEST_BODY: Final = 4096
"""Bytes of a body that are kept."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message that went by."""

    number: int
    """One more with each."""
    time: float
    """Seconds since 1970."""
    queue: str
    message: BusMessage
    """With its secrets masked and its body cut."""

    def as_report(self) -> dict[str, Any]:
        """For operators."""
        message = self.message
        return {
            "time": self.time,
            "queue": self.queue,
            "type": message.type,
            "id": message.id,
            "key": message.key,
            "producer": message.producer,
            "correlation": message.correlation,
            "replyTo": message.reply_to,
            "body": message.body.decode("utf-8", "replace"),
        }


class Tap:
    """What went by since somebody began to listen.

    Args:
        clock: seconds since 1970, for what was heard.
        monotonic: seconds, for how long to keep listening.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._open_until = 0.0
        self._heard: OrderedDict[tuple[str, str], Heard] = OrderedDict()
        self._count = 0

    def listen(self, after: int) -> tuple[Sequence[Heard], int]:
        """All later than that number, oldest first, and how many before them are lost; keeps the tap open."""
        self._forget_if_closed()
        self._open_until = self._monotonic() + LISTENING
        heard = [each for each in self._heard.values() if each.number > after]
        first = heard[0].number if heard else self._count + 1
        return heard, max(0, first - after - 1) if after else 0

    def hear(self, queue: str, messages: Sequence[BusMessage]) -> None:
        """They go by."""
        if self._monotonic() >= self._open_until:
            self._forget_if_closed()
            return
        for message in messages:
            if (queue, message.id) in self._heard:
                continue
            self._count += 1
            self._heard[queue, message.id] = Heard(self._count, self._clock(), queue, _shown(message))
            if len(self._heard) > MOST_HEARD:
                self._heard.popitem(last=False)

    def _forget_if_closed(self) -> None:
        if self._monotonic() >= self._open_until:
            self._heard.clear()


class TappedBus:
    """The same bus, heard by a tap."""

    def __init__(self, bus: Bus, tap: Tap) -> None:
        self._bus = bus
        self._tap = tap

    async def open(self) -> None:
        """As the bus does."""
        await self._bus.open()

    async def close(self) -> None:
        """As the bus does."""
        await self._bus.close()

    async def send(self, queue: str, *messages: BusMessage) -> None:
        """As the bus does. Heard before: in memory it returns when they were handled."""
        self._tap.hear(queue, messages)
        await self._bus.send(queue, *messages)

    async def consumer(self, queue: str, group: str, name: str) -> Consumer:
        """As the bus does."""
        return _TappedConsumer(await self._bus.consumer(queue, group, name), self._tap)


class _TappedConsumer:
    """The same consumer, heard by a tap."""

    def __init__(self, consumer: Consumer, tap: Tap) -> None:
        self._consumer = consumer
        self._tap = tap

    async def receive(self, limit: int = 100) -> Sequence[Delivery]:
        deliveries = await self._consumer.receive(limit)
        for delivery in deliveries:
            self._tap.hear(delivery.queue, [delivery.message])
        return deliveries

    async def acknowledge(self, *deliveries: Delivery) -> None:
        await self._consumer.acknowledge(*deliveries)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        await self._consumer.bury(delivery, reason)

    async def close(self) -> None:
        await self._consumer.close()


def _shown(message: BusMessage) -> BusMessage:
    """Masked, then cut: a body that was cut before is no JSON, and could not be masked."""
    shown = masked(message)
    return shown if len(shown.body) <= LONGEST_BODY else replace(shown, body=shown.body[:LONGEST_BODY] + b"...")
