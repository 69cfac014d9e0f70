"""Nodes that are killed, with all their workers: others take their sessions over, and all that was not acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.faults.scene import scene
from tests.faults.story import KEPT, served_soon, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.soak, pytest.mark.timed]

SERVED_AGAIN = 3.0
"""Seconds after a node's death in which all its sessions are served elsewhere (OPS-62)."""


@pytest.mark.spec("OPS-42", "OPS-62", "ACK-1")
async def test_a_node_dies_every_ten_seconds(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """The one that has most sessions, for a minute; it comes back meanwhile; at least ten thousand messages."""
    every, deaths = 10.0, 6
    async with scene(tmp_path, redis, workers=2) as here, story([here.cometd], chance, channel=KEPT) as numbers:
        numbers.begin(pause=0.01)
        took = []
        for _ in range(deaths):
            next_time = time.monotonic() + every
            await asyncio.sleep(chance.uniform(0, 2))
            node = await asyncio.to_thread(here.holder)
            await asyncio.to_thread(node.kill)
            took.append(await numbers.served_again(time.monotonic()))
            await asyncio.to_thread(node.start)  # which takes time that others had lacked on a small machine
            await asyncio.sleep(1.5)  # for the load balancer to find it, so that one of the two is always there
            await asyncio.sleep(max(0.0, next_time - time.monotonic()))
        await numbers.have_accepted(10_000)
        await numbers.end()
        times = ", ".join(f"{each:.1f}" for each in took)
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt, {numbers.repeats} repeats dropped by clients")
        tell(f"{deaths} deaths; seconds until all sessions were served again: {times}")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        served_soon(took, SERVED_AGAIN)
