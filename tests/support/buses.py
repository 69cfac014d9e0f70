"""Buses as nodes use them, on whatever carries them: for the contract suite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Protocol

import pytest

from bayeux.backplane.redis.topology import Topology
from bayeux.testing.fault_proxy import FaultProxy
from gateway.routing.bus.broker import Broker
from gateway.routing.bus.bus import Bus, BusMessage, Consumer, Delivery
from gateway.routing.bus.dead_letters import DeadLetters
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.bus.redis_streams import RedisBus
from gateway.routing.bus.stomp import StompBus
from tests.support.activemq import PASSWORD, USER
from tests.support.nodes_on_redis import TIMING, Store
from tests.support.redis_server import HOST

PATIENCE = 60.0
"""Seconds within which what must come comes, on a busy machine."""
QUIET = 0.5
"""Seconds in which nothing comes; a bus that does not hold what is told of it is found now and then only."""

_PREFIXES = count()


class AnyBus(Bus, DeadLetters, Protocol):
    """What all of ours can do."""


class Buses:
    """Queues that no other test sees, and the nodes that use them.

    Args:
        carrier: servers; None for memory.
    """

    def __init__(self, carrier: Store | None) -> None:
        self._carrier = carrier
        self._memory = MemoryBus()
        self._prefix = f"{carrier.prefix if carrier else ''}{next(_PREFIXES)}-"
        self._stack = AsyncExitStack()
        self._sending: set[asyncio.Task[None]] = set()

    async def node(self, name: str = "one") -> AnyBus:
        """A node's way to them."""
        if self._carrier is None:
            return self._memory
        return await self._opened(self._carrier.url, name)

    async def fragile_node(self, name: str = "one") -> tuple[AnyBus, FaultProxy]:
        """The same, by a proxy that can cut it off. Skips the test where none can stand in between."""
        if self._carrier is None or not self._carrier.port:
            pytest.skip("nothing can stand in between")
        proxy = await self._stack.enter_async_context(FaultProxy(self._carrier.port))
        url = self._carrier.url.replace(f"{HOST}:{self._carrier.port}", f"{HOST}:{proxy.port}")
        return await self._opened(url, name), proxy

    async def send(self, bus: Bus, queue: str, *messages: BusMessage) -> None:
        """Returns when they can be received: memory's own ``send`` would wait until they were handled."""
        sending = asyncio.create_task(bus.send(queue, *messages))
        self._sending.add(sending)
        await asyncio.wait([sending], timeout=0.01 if self._carrier is None else PATIENCE)
        if sending.done() or self._carrier is not None:
            await sending

    async def close(self) -> None:
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._memory.close()
        await self._stack.aclose()

    async def _opened(self, url: str, name: str) -> AnyBus:
        bus: AnyBus
        if url.startswith("stomp"):
            broker = Broker.parse(url.removeprefix("stomp://"), USER, PASSWORD)
            bus = StompBus([broker], node=name, prefix=f"/queue/{self._prefix}")
        else:
            bus = RedisBus(Topology.parse(url), node=name, prefix=self._prefix, timing=TIMING)
        self._stack.push_async_callback(bus.close)
        await bus.open()
        return bus


async def received(consumer: Consumer, number: int) -> list[Delivery]:
    """The next so many."""
    deliveries: list[Delivery] = []
    async with asyncio.timeout(PATIENCE):
        while len(deliveries) < number:
            deliveries += await consumer.receive(number - len(deliveries))
    return deliveries


async def handled(consumer: Consumer, number: int) -> list[Delivery]:
    """The next so many, each acknowledged as it comes: some buses give no more than a hundred before that."""
    deliveries: list[Delivery] = []
    while len(deliveries) < number:
        taken = await received(consumer, 1)
        await consumer.acknowledge(*taken)
        deliveries += taken
    return deliveries


async def nothing_more(consumer: Consumer) -> bool:
    """Nothing comes for a moment."""
    try:
        async with asyncio.timeout(QUIET):
            return not await consumer.receive()
    except TimeoutError:
        return True


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.message.id for each in deliveries]


async def eventually(holds: Callable[[], bool]) -> None:
    """Look until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
