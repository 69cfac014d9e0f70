"""Numbered messages through real clients, and what became of them: lost, double, out of order.

Clients of both transports listen to one channel; some of them publish, each numbering its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bayeux.client.client import BayeuxClient
from bayeux.client.errors import RequestRefused, TransportFailed
from bayeux.client.event import Event
from bayeux.client.extensions.ack import Acknowledge
from bayeux.client.subscription import Callback

CHANNEL = "/numbered/messages"
TRANSPORTS = ("websocket", "long-polling")


@dataclass
class Heard:
    """What one subscriber got: the numbers of each publisher, as they came."""

    transport: str
    client: BayeuxClient
    session: str | None
    """The one it began with."""
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def count(self) -> int:
        return sum(map(len, self.numbers.values()))

    @property
    def was_told(self) -> bool:
        """It had to begin a new session: it knows that there may be a gap."""
        return self.client.client_id != self.session

    def faults(self, published: dict[str, int], doubtful: dict[str, set[int]], *, sees_repeats: bool) -> list[str]:
        """What is wrong with it, in words; nothing, if every number came once and in its order."""
        told = []
        for publisher, count in published.items():
            numbers = self.numbers[publisher]
            if not sees_repeats:
                numbers = list(dict.fromkeys(numbers))
            times = Counter(numbers)
            lost = [number for number in range(count) if not times[number] and number not in doubtful[publisher]]
            if lost:
                how = "lost, and told so" if self.was_told else "lost"
                told.append(f"{self.transport}: {len(lost)} of {publisher} {how}: {lost[:10]}")
            if double := [number for number, often in times.items() if often > 1]:
                told.append(f"{self.transport}: {len(double)} of {publisher} double: {double[:10]}")
            if numbers != sorted(numbers):
                told.append(f"{self.transport}: {publisher} out of order")
        return told


class Numbered:
    """Publishers and subscribers, all connected."""

    def __init__(self, publishers: Sequence[BayeuxClient], heard: Sequence[Heard]) -> None:
        self.may_fail = False
        """Whether a publish may be left without an answer."""
        self._publishers = publishers
        self.heard = heard
        self.published: dict[str, int] = {}
        self.doubtful: dict[str, set[int]] = defaultdict(set)
        """Numbers whose publish was not answered: they may have come or not."""

    async def publish(self, each: int, *, pause: float = 0.0) -> None:
        """Every publisher so many messages more, one after the other."""
        await asyncio.gather(*(self._publish(number, each, pause) for number in range(len(self._publishers))))

    async def arrived(self, patience: float) -> None:
        """Wait until everybody has got as many as were published, or for so many seconds in which nothing came."""
        expected = sum(self.published.values())
        before = -1
        while any(heard.count < expected for heard in self.heard):
            now = sum(heard.count for heard in self.heard)
            if now == before:
                return
            before = now
            for _ in range(20):
                await asyncio.sleep(patience / 20)
                if all(heard.count >= expected for heard in self.heard):
                    break

    def faults(self, *, sees_repeats: bool = True) -> list[str]:
        """Of all subscribers.

        Args:
            sees_repeats: False = as a client sees it that drops what it has had before.
        """
        return [
            fault
            for heard in self.heard
            for fault in heard.faults(self.published, self.doubtful, sees_repeats=sees_repeats)
        ]

    async def _publish(self, number: int, count: int, pause: float) -> None:
        name, client = f"publisher {number}", self._publishers[number]
        for _ in range(count):
            sent = self.published.get(name, 0)
            self.published[name] = sent + 1
            try:
                await client.publish(CHANNEL, {"from": name, "number": sent})
            except (TransportFailed, RequestRefused):
                if not self.may_fail:
                    raise
                self.doubtful[name].add(sent)
            if pause:
                await asyncio.sleep(pause)


@asynccontextmanager
async def numbered(urls: Sequence[str], *, subscribers: int, publishers: int) -> AsyncIterator[Numbered]:
    """So many of each transport, which connect to the addresses in turn; all acknowledge."""
    async with AsyncExitStack() as stack:
        turn = 0

        async def connected(transport: str) -> BayeuxClient:
            nonlocal turn
            turn += 1
            client = BayeuxClient(
                urls[turn % len(urls)], transports=(transport,), extensions=[Acknowledge()], max_network_delay=10
            )
            return await stack.enter_async_context(client)

        heard = []
        for transport in TRANSPORTS:
            for _ in range(subscribers):
                client = await connected(transport)
                mine = Heard(transport, client, client.client_id)
                await client.subscribe(CHANNEL, callback=_into(mine))
                heard.append(mine)
        yield Numbered([await connected(transport) for transport in TRANSPORTS for _ in range(publishers)], heard)


def _into(heard: Heard) -> Callback:
    def take(event: Event) -> None:
        heard.numbers[event.data["from"]].append(event.data["number"])

    return take
