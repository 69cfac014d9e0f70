"""Acknowledged messages over a bad network: whatever it does, every client is given every event once and in order.

A proxy cuts, delays, swallows and dribbles at random, by a fixed seed, for a minute. What is asserted, of each client:

- its session is the one it began with: nobody was given up;
- by long-polling and by WebSocket alike it was handed every number of its channels, once, in the order of the
  publishes, across channels.

Over a WebSocket the server itself may send an event twice (ACK-31): when the socket breaks between the events and
the reply with their number. There it is the client that sees to it that they are handed over once; how many it has
dropped is told with the other figures. By long-polling there must be none to drop.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from bayeux.client import Acknowledge, BayeuxClient
from bayeux.client.event import Event, Message
from bayeux.client.extension import Extension
from bayeux.extensions import ack
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import FaultProxy, Rates
from tests.support.figures import Tell

pytestmark = pytest.mark.soak

SEED = 31
CLIENTS = 100
"""On each transport."""
LASTING = 60.0
"""Seconds of bad network."""
SETTLING = 40.0
"""Seconds until everything must have arrived over a good one; the longest pause of a client is part of it."""
CHANNELS = [f"/ticker/{name}" for name in "abcd"]
PATTERNS = [["/ticker/*"], ["/ticker/a", "/ticker/b"], ["/ticker/c", "/**"], ["/ticker/d"]]
PAUSE = (0.1, 0.9)
"""Seconds between two bursts."""
BURST = (1, 12)
"""Events in one."""
RATES = Rates(
    cut=0.08,
    cut_inside=0.1,
    delay=0.1,
    swallow=0.06,
    dribble=0.04,
    half_close=0.02,
    outage=0.05,
    longest=1.5,
    max_latency=0.4,
    max_bytes=1500,
)
OPTIONS = Options(timeout=3.0, max_interval=120.0)
TRANSPORTS = ("long-polling", "websocket")


class Arriving(Extension):
    """Counts the events as they arrive, before anybody drops one."""

    def __init__(self) -> None:
        self.count = 0

    def incoming(self, message: Message) -> None:
        self.count += "data" in message


class Reader:
    """A client, and what it was handed."""

    def __init__(self, url: str, transport: str, number: int) -> None:
        self.transport = transport
        self.patterns = PATTERNS[number % len(PATTERNS)]
        self.numbers: list[int] = []
        self.wanted = -1
        self.has_all = asyncio.Event()
        self.arriving = Arriving()
        self.client = BayeuxClient(
            url,
            transports=[transport],
            extensions=[self.arriving, Acknowledge()],
            max_network_delay=2.0,
            random=random.Random(f"{SEED} {transport} {number}").random,
        )
        self.session_id: str | None = None

    async def begin(self) -> None:
        """While the network is well."""
        await self.client.open()
        self.session_id = self.client.client_id
        await self.client.subscribe(*self.patterns, callback=self.hear)

    def hear(self, event: Event) -> None:
        self.numbers.append(event.data["n"])
        if self.numbers[-1] == self.wanted:
            self.has_all.set()

    def wants(self, channel: str) -> bool:
        return any(pattern in (channel, "/ticker/*", "/**") for pattern in self.patterns)

    async def settle(self, wanted: int) -> None:
        """Wait for the last number."""
        self.wanted = wanted
        if not self.numbers or self.numbers[-1] != wanted:
            await self.has_all.wait()


class Publisher:
    """Publishes numbered events in bursts, and remembers what went where."""

    def __init__(self, server: BayeuxServer, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.channels: list[str] = []
        """The channel of each number."""

    def publish(self, channel: str) -> None:
        self.server.publish(channel, {"n": len(self.channels), "text": "x" * self.chance.randint(0, 200)})
        self.channels.append(channel)

    async def work(self) -> None:
        """Until it is cancelled."""
        while True:
            for _ in range(self.chance.randint(*BURST)):
                self.publish(self.chance.choice(CHANNELS))
            await asyncio.sleep(self.chance.uniform(*PAUSE))

    def end(self) -> int:
        """One last event on each channel; the number of the first of them."""
        first = len(self.channels)
        for channel in CHANNELS:
            self.publish(channel)
        return first


@asynccontextmanager
async def bad_network(server: BayeuxServer, clients: int) -> AsyncIterator[list[tuple[FaultProxy, Reader]]]:
    """Readers that are connected and subscribed, each transport through a proxy of its own."""
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(await server.listen(0))
        readers: list[tuple[FaultProxy, Reader]] = []
        for transport in TRANSPORTS:
            chance = random.Random(f"{SEED} {transport} jitter")
            proxy = await stack.enter_async_context(FaultProxy(listener.port, chance=chance))
            url = proxy.url("/cometd")
            readers += [(proxy, Reader(url, transport, n)) for n in range(clients)]
        try:
            await asyncio.gather(*(reader.begin() for _, reader in readers))
            yield readers
        finally:
            await asyncio.gather(*(reader.client.disconnect() for _, reader in readers))


async def suffer(proxies: Sequence[FaultProxy], seconds: float) -> None:
    async with AsyncExitStack() as stack:
        for n, proxy in enumerate(proxies):
            await stack.enter_async_context(proxy.at_random(random.Random(f"{SEED} faults {n}"), RATES))
        await asyncio.sleep(seconds)


def differences(numbers: Sequence[int], expected: Sequence[int]) -> dict[str, int]:
    """How many numbers are lost, double or out of order; only those that are not 0."""
    counts = Counter(numbers)
    found = {
        "lost": len(set(expected) - counts.keys()),
        "double": sum(count - 1 for count in counts.values()),
        "unexpected": len(counts.keys() - set(expected)),
        "out of order": sum(later < earlier for earlier, later in pairwise(numbers)),
    }
    return {name: count for name, count in found.items() if count}


@pytest.mark.spec("ACK-11", "ACK-15", "ACK-30", "ACK-31", "CLI-1", "SES-8", "WS-14", "CN-10")
async def test_over_a_bad_network_everything_arrives_once_and_in_order(tell: Tell) -> None:
    await run(tell, CLIENTS, LASTING)


async def run(tell: Tell, clients: int, lasting: float) -> None:
    server = BayeuxServer(OPTIONS)
    server.extensions.append(ack.Acknowledge())
    ended: Counter[str] = Counter()
    server.listeners.session_removed.append(lambda session, reason: ended.update([reason.value]))
    batches: Counter[str] = Counter()

    @server.listeners.batch_sent
    def count(session: Any, events: list[Any], number: int) -> None:
        batches["events"] += len(events)
        batches["batches"] += 1

    async with bad_network(server, clients) as readers:
        proxies = list(dict.fromkeys(proxy for proxy, _ in readers))
        publisher = Publisher(server, random.Random(SEED))
        publishing = asyncio.create_task(publisher.work())
        await suffer(proxies, lasting)
        publishing.cancel()
        await asyncio.wait([publishing])
        first_of_the_last = publisher.end()
        last = {channel: first_of_the_last + n for n, channel in enumerate(CHANNELS)}
        awaited = [reader.settle(max(last[each] for each in CHANNELS if reader.wants(each))) for _, reader in readers]
        _, late = await asyncio.wait([asyncio.ensure_future(each) for each in awaited], timeout=SETTLING)
        for each in late:
            each.cancel()
        wrong: dict[str, list[Any]] = {transport: [] for transport in TRANSPORTS}
        handed: Counter[str] = Counter()
        repeated: Counter[str] = Counter()
        for _, reader in readers:
            expected = [n for n, channel in enumerate(publisher.channels) if reader.wants(channel)]
            handed[reader.transport] += len(reader.numbers)
            repeated[reader.transport] += reader.arriving.count - len(reader.numbers)
            difference = differences(reader.numbers, expected)
            if difference or reader.client.client_id != reader.session_id:
                is_same = reader.client.client_id == reader.session_id
                wrong[reader.transport].append((difference, "same session" if is_same else "another session"))
        told = ended.copy()
    for transport, proxy in zip(TRANSPORTS, proxies, strict=True):
        tell(
            f"{transport}: {clients} clients, {handed[transport]} events handed over, {repeated[transport]} repeats "
            f"recognised; {len(wrong[transport])} clients with something lost, double or out of order"
        )
        tell(f"{transport}: {proxy.tally}")
    tell(f"seed {SEED}: {len(publisher.channels)} publishes, {batches['batches']} batches, "
         f"{batches['events'] - handed.total()} events sent again")  # fmt: skip
    assert told == {}, "sessions ended"
    assert wrong == {transport: [] for transport in TRANSPORTS}
    assert repeated["long-polling"] == 0
    assert batches["events"] > handed.total(), "nothing was sent again: the network was too good to show anything"
