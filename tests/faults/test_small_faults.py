"""Every small fault that a day may bring, in any order, while messages go on: nothing is lost or double."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bayeux.testing import FaultProxy
from tests.faults.scene import Scene, scene
from tests.faults.story import KEPT, served_soon, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.soak, pytest.mark.timed]

SERVED_AGAIN = 3.0
"""Seconds after a fault is over, or a worker is gone, until everybody is served."""

Fault = Callable[[Scene, RedisServer, random.Random], Awaitable[None]]


async def slow_links(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """A tenth of a second each way, and as much again at random."""
    for proxy in here.proxies:
        proxy.delay(0.1, jitter=0.1)
    await asyncio.sleep(2)
    for proxy in here.proxies:
        proxy.heal()


async def a_short_cut(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """All connections of a node to Redis are reset; others can be made at once."""
    proxy = chance.choice(here.proxies)
    await proxy.cut()
    proxy.heal()


async def a_node_is_cut_off(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """For longer than its lease."""
    proxy = chance.choice(here.proxies)
    await proxy.cut()
    await asyncio.sleep(3)
    proxy.heal()


async def redis_stands_still(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """For longer than leases last; when it goes on, all of them have lapsed."""
    redis.freeze()
    await asyncio.sleep(3)
    redis.thaw()


async def a_worker_stands_still(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """For longer than its lease: others may have claimed its sessions when it goes on."""
    worker = chance.choice(chance.choice(here.nodes).workers)
    os.kill(worker, signal.SIGSTOP)
    await asyncio.sleep(3)
    os.kill(worker, signal.SIGCONT)


async def a_worker_is_killed(here: Scene, redis: RedisServer, chance: random.Random) -> None:
    """Another one starts in its place."""
    os.kill(chance.choice(chance.choice(here.nodes).workers), signal.SIGKILL)


FAULTS: tuple[Fault, ...] = (
    slow_links,
    a_short_cut,
    a_node_is_cut_off,
    redis_stands_still,
    a_worker_stands_still,
    a_worker_is_killed,
)


@pytest.mark.spec("OPS-42", "OPS-45", "OPS-62", "OPS-72", "OPS-74", "CLU-3", "ACK-1")
async def test_nothing_is_lost_in_small_faults(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    async with (
        scene(tmp_path, redis, workers=2) as here,
        FaultProxy(int(here.front.rpartition(":")[2])) as network,
        story([network.url("/cometd")], chance, channel=KEPT, readers=3) as numbers,
    ):
        numbers.begin(pause=0.03)
        took = {}
        for fault in chance.sample(FAULTS, len(FAULTS)):
            await asyncio.sleep(1)
            await fault(here, redis, chance)
            took[fault.__name__] = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await network.cut()
        network.heal()
        took["all clients come back at once"] = await numbers.served_again(time.monotonic())
        await numbers.end()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt, {numbers.repeats} repeats dropped by clients")
        tell(", ".join(f"{name.replace('_', ' ')}: {seconds:.1f} s" for name, seconds in took.items()))
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        served_soon(took.values(), SERVED_AGAIN)
