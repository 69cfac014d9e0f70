"""Another Redis takes a dead one's place, while clients of real gateways go on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from redis.crc import key_slot

from bayeux.backplane.redis.keys import Keys
from tests.faults.scene import Store, scene
from tests.faults.story import KEPT, NOT_KEPT, story
from tests.support.figures import Tell
from tests.support.redis_server import redis_cluster, redis_sentinels

pytestmark = [pytest.mark.soak, pytest.mark.timed]

PROMOTED = 10.0
"""Seconds that the servers of these tests take to agree on a new master, and nodes to find it, at most."""


@pytest.mark.spec("OPS-70", "OPS-72", "OPS-74", "OPS-76")
@pytest.mark.parametrize("channel", [KEPT, NOT_KEPT])
async def test_sentinels_promote_a_replica(channel: str, tmp_path: Path, chance: random.Random, tell: Tell) -> None:
    with redis_sentinels() as servers:
        await fail_over(servers, servers.master.kill, channel, tmp_path, chance, tell)


@pytest.mark.spec("OPS-70", "OPS-72", "OPS-74", "OPS-76")
@pytest.mark.parametrize("channel", [KEPT, NOT_KEPT])
async def test_a_cluster_promotes_a_replica(channel: str, tmp_path: Path, chance: random.Random, tell: Tell) -> None:
    """Of the master that has the slot of the messages' channel."""
    with redis_cluster(replicas=True) as servers:
        slot = key_slot(Keys().state(crc32(channel.encode()) % 64).encode())
        await fail_over(servers, lambda: servers.owner(slot).kill(), channel, tmp_path, chance, tell)


async def fail_over(
    servers: Store, kill: Callable[[], None], channel: str, directory: Path, chance: random.Random, tell: Tell
) -> None:
    """What a master had accepted and not passed on is lost, and told; all else arrives.

    Sessions go back by as much: what they acknowledged may come again, and can be told where events have positions.
    """
    async with (
        scene(directory, servers) as here,
        story([here.cometd], chance, channel=channel) as numbers,
    ):
        numbers.begin(pause=0.02)
        await asyncio.sleep(2)
        await asyncio.to_thread(kill)
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(2)
        await numbers.end(patience=5)
        lost = numbers.nothing_is_lost_silently()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt, {lost} lost and told; {took:.1f} s")
        if channel == KEPT:
            numbers.nothing_is_double()
        numbers.everything_is_in_order()
        assert took <= PROMOTED
