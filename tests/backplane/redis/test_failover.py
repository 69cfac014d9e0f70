"""Another server takes a dead one's place: publishing goes on, and what is lost on the way is told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from redis.crc import key_slot

from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.link import Timing
from bayeux.backplane.redis.membership import Lease
from bayeux.protocol.errors import Unavailable
from tests.support.nodes import Ears, eventually
from tests.support.redis_server import redis_cluster, redis_sentinels

CHANNELS = [f"/chat/{n}" for n in range(12)]

pytestmark = pytest.mark.expected_logs(
    "WARNING bayeux.backplane.redis.link: redis", "the store lost events that were published"
)


class Story:
    """Two nodes that listen to everything; one publishes numbers for as long as it lasts."""

    def __init__(self, url: str) -> None:
        settings = {
            "partitions": 16,
            "look": 0.5,
            "lease": Lease(lasts=10.0, renewed=0.2),  # longer than a failover: it must not lapse meanwhile
            "timing": Timing(most_pause=0.3, look=0.5),
        }
        self.nodes = [RedisBackplane(url, **settings) for _ in range(2)]  # type: ignore[arg-type]
        self.ears = [Ears(), Ears()]
        self.accepted: list[tuple[str, int]] = []
        """Channel and number, in the order in which they were."""
        self._publishing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Story:
        for node, ears in zip(self.nodes, self.ears, strict=True):
            await node.start(ears)
            await node.listen(range(16))
        self._publishing = [asyncio.create_task(self._publish(each)) for each in CHANNELS]
        await eventually(lambda: len(self.accepted) > 50)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)
        for node in self.nodes:
            await node.stop()

    async def goes_on(self) -> None:
        """Returns when on every channel something was accepted and heard since."""
        before = len(self.accepted)
        await eventually(lambda: {channel for channel, _ in self.accepted[before:]} == set(CHANNELS), within=30)
        for task in self._publishing:
            task.cancel()
        await asyncio.gather(*self._publishing, return_exceptions=True)
        last = {channel: b"%d" % number for channel, number in self.accepted}
        for ears in self.ears:
            await eventually(lambda ears=ears: {(c.encode(), n) for c, n in last.items()} <= self._heard(ears))

    def check(self, *, may_lose: bool) -> None:
        """Nothing came twice or out of order, and nothing is missing silently."""
        accepted = {(channel.encode(), b"%d" % number) for channel, number in self.accepted}
        for ears in self.ears:
            heard = [(event.header, event.payload) for event in ears.events]
            assert len(heard) == len(set(heard))
            for channel in CHANNELS:
                numbers = [int(payload) for header, payload in heard if header == channel.encode()]
                assert all(before < after for before, after in pairwise(numbers))
            missing = accepted - set(heard)
            told = {partition for partition, _ in ears.gaps}
            assert {self.nodes[0].partition_of(channel.decode()) for channel, _ in missing} <= told
            assert may_lose or not missing
            assert may_lose or not told

    def _heard(self, ears: Ears) -> set[tuple[bytes, bytes]]:
        return {(event.header, event.payload) for event in ears.events}

    async def _publish(self, channel: str) -> None:
        for number in itertools.count():
            await asyncio.sleep(0.02)
            try:
                await self.nodes[0].publish(channel, channel.encode(), b"%d" % number)
            except Unavailable:
                continue
            self.accepted.append((channel, number))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.mark.spec("OPS-70", "OPS-74")
async def test_a_failover_that_an_operator_asked_for(stack: AsyncExitStack) -> None:
    servers = stack.enter_context(redis_sentinels())
    story = await stack.enter_async_context(Story(servers.url))
    servers.fail_over()
    await story.goes_on()
    story.check(may_lose=True)


@pytest.mark.spec("OPS-70", "OPS-74")
async def test_a_master_behind_sentinels_that_dies(stack: AsyncExitStack) -> None:
    servers = stack.enter_context(redis_sentinels())
    story = await stack.enter_async_context(Story(servers.url))
    servers.master.kill()
    await story.goes_on()
    story.check(may_lose=True)


@pytest.mark.spec("OPS-70", "OPS-74")
async def test_a_master_of_a_cluster_that_dies(stack: AsyncExitStack) -> None:
    servers = stack.enter_context(redis_cluster(replicas=True))
    story = await stack.enter_async_context(Story(servers.url))
    servers.masters[0].kill()
    await story.goes_on()
    story.check(may_lose=True)


@pytest.mark.spec("OPS-70", "OPS-74")
async def test_slots_that_move_to_another_server_of_a_cluster_lose_nothing(stack: AsyncExitStack) -> None:
    servers = stack.enter_context(redis_cluster())
    story = await stack.enter_async_context(Story(servers.url))
    node = story.nodes[0]
    slot = key_slot(node._receiving._keys.state(node.partition_of(CHANNELS[0])).encode())
    target = next(each for each in servers.masters if each is not servers.owner(slot))
    await asyncio.to_thread(servers.move, slot, target)
    await story.goes_on()
    story.check(may_lose=False)
