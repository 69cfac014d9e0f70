"""What is promised of events that are acknowledged, held under random relays, moves, deaths and outages.

Nothing is lost, and all of a channel comes in order. As long as no node dies nothing comes twice; after a death what
comes twice is known by its number.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from bayeux.backplane.hub import MemoryHub
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.options import Options
from bayeux.testing import MemoryTransport
from tests.cluster.nodes import Client, Node, node_on, until

OPTIONS = Options(session_message_rate=0.0, timeout=0.1, max_interval=5.0, ack_max_resends=0)
CHANNELS = ("/a", "/b", "/c")

pytestmark = pytest.mark.expected_logs("without its lease", "serves again", "a publish of the application failed")


@dataclass
class World:
    """Nodes that come and go, and numbers that are published."""

    hub: MemoryHub
    chance: random.Random
    nodes: list[Node] = field(default_factory=list)
    all: list[Node] = field(default_factory=list)
    published: dict[str, list[int]] = field(default_factory=lambda: {channel: [] for channel in CHANNELS})
    doubtful: set[int] = field(default_factory=set)
    is_over: bool = False
    last: int = 0

    async def add(self) -> None:
        node = node_on(self.hub, OPTIONS)
        node.backplane.latency = self.chance.choice((0.0, 0.0005))
        await node.start()
        self.nodes.append(node)
        self.all.append(node)

    def any(self) -> Node:
        return self.chance.choice(self.nodes)

    async def publish(self, count: int) -> None:
        for _ in range(count):
            self.last += 1
            channel = self.chance.choice(CHANNELS)
            try:
                task = self.any().publish(channel, self.last)
                assert task is not None
                await task
                self.published[channel].append(self.last)
            except Unavailable:
                self.doubtful.add(self.last)
            await asyncio.sleep(self.chance.choice((0.0, 0.002, 0.004)))


@dataclass
class Reader:
    """A client as they are written: it connects again and again, at whatever node, and says what it has."""

    world: World
    client: Client
    has: dict[str, list[int]] = field(default_factory=lambda: {channel: [] for channel in CHANNELS})
    doubles: int = 0
    ack: int = 0
    refusals: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        await self.client.begin(*CHANNELS)
        self.ack = 1

    async def read(self) -> None:
        while not self.world.is_over:
            if not self.client.socket or self.world.chance.random() < 0.2:
                self.client.at(self.world.any())
            server = self.client.server
            fields = {"connectionType": self.client.name, "ext": {"ack": self.ack}}
            message = self.client.message("/meta/connect", **fields)
            transport = self.client.send(message)
            answer = await self._answer(transport, message["id"], server)
            if answer is None:
                if self.client.socket is not None:
                    self.client.socket = MemoryTransport("websocket")
                    self.client.server = self.world.any()
                await asyncio.sleep(0.01)
                continue
            self._take()
            if answer.get("error", "").startswith("503:"):
                await asyncio.sleep(0.01)
                continue
            if not answer["successful"]:
                self.refusals.append(answer["error"])
                return
            self.ack = answer["ext"]["ack"]

    async def _answer(self, transport: MemoryTransport, id: str, server: object) -> dict | None:  # type: ignore[type-arg]
        for _ in range(2000):
            found = [each for each in self.client.heard if each.get("id") == id and "successful" in each]
            if found:
                return found[0]
            if transport.dismissed or transport.close_code or server not in self.world.nodes:
                return None
            await asyncio.sleep(0.001)
        return None

    def _take(self) -> None:
        for event in self.client.events:
            numbers = self.has[event["channel"]]
            if numbers and event["data"] <= numbers[-1]:
                assert event["data"] in numbers, f"{event} came out of order"
                self.doubles += 1
            else:
                numbers.append(event["data"])
        self.client.heard.clear()

    @property
    def is_done(self) -> bool:
        return all(set(self.world.published[channel]) <= set(self.has[channel]) for channel in CHANNELS)


async def play(seed: int, *, deaths: int, cuts: int) -> list[Reader]:
    """One story; the readers at its end."""
    lease = 0.4 if deaths or cuts else 600.0
    world = World(MemoryHub(lease=lease, look=0.05, random_bytes=random.Random(seed).randbytes), random.Random(seed))
    for _ in range(3):
        await world.add()
    await until(lambda: all(len(each.joined.nodes) == 2 for each in world.nodes))
    readers = [
        Reader(world, Client(world.any(), transport))
        for transport in ("long-polling", "long-polling", "websocket", "websocket", "long-polling")
    ]
    for each in readers:
        await each.begin()
    reading = [asyncio.create_task(each.read()) for each in readers]
    try:
        for _ in range(8):
            publishing = asyncio.create_task(world.publish(40))
            await asyncio.sleep(world.chance.uniform(0.0, 0.1))
            if deaths and world.chance.random() < 0.5:
                deaths -= 1
                victim = world.any()
                world.nodes.remove(victim)
                victim.die()
                await world.add()
            if cuts and world.chance.random() < 0.5:
                cuts -= 1
                victim = world.any()
                victim.backplane.cut()
                await asyncio.sleep(world.chance.uniform(0.0, 1.0))
                victim.backplane.heal()
            await publishing
        await until(lambda: all(each.is_done or task.done() for each, task in zip(readers, reading, strict=True)))
    finally:
        world.is_over = True
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*reading, return_exceptions=True), 3)
        for each in reading:
            each.cancel()
        results = await asyncio.gather(*reading, return_exceptions=True)
        for node in world.all:
            await node.stop(timeout=0.1)
    failures = [each for each in results if isinstance(each, Exception)]
    assert not failures, (seed, failures)
    for each in readers:
        for channel in CHANNELS:
            extra = set(each.has[channel]) - set(world.published[channel]) - world.doubtful
            assert not extra, (seed, extra)
            assert each.has[channel] == sorted(each.has[channel])
        assert not each.refusals, (seed, each.refusals)
        assert each.is_done, seed
    return readers


@pytest.mark.spec("OPS-42", "ACK-1")
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_by_relays_and_moves(seed: int) -> None:
    """Clients wander from node to node, with each request or with each socket."""
    readers = await play(seed, deaths=0, cuts=0)
    assert [each.doubles for each in readers] == [0] * len(readers)


@pytest.mark.spec("OPS-62", "ACK-1")
@pytest.mark.parametrize("seed", range(100, 104))
async def test_nothing_is_lost_when_nodes_die(seed: int) -> None:
    """They die at any moment, of a session's life and of a publish's."""
    await play(seed, deaths=3, cuts=0)


@pytest.mark.spec("OPS-62", "OPS-72", "ACK-1")
@pytest.mark.parametrize("seed", range(200, 204))
async def test_nothing_is_lost_when_nodes_are_cut_off(seed: int) -> None:
    """For as long that others take their sessions over, or not."""
    await play(seed, deaths=1, cuts=3)
