"""Processes that do nothing for a while and then go on, as after a long pause of their machine."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.scene import scene
from tests.faults.story import KEPT, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.soak, pytest.mark.timed]


@pytest.mark.spec("OPS-42", "OPS-62", "ACK-1")
async def test_workers_stand_still_again_and_again(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """Any of four, at any time, for any time: for forty seconds."""
    lasting = 40.0
    async with scene(tmp_path, redis, workers=2) as here, story([here.cometd], chance, channel=KEPT) as numbers:
        numbers.begin(pause=0.05)  # queues have room for all that is written while somebody is away (SEC-L16)
        workers = [worker for node in here.nodes for worker in node.workers]
        end, stops = time.monotonic() + lasting, 0
        while time.monotonic() < end:
            worker = chance.choice(workers)
            os.kill(worker, signal.SIGSTOP)
            await asyncio.sleep(chance.uniform(0.1, 4))
            os.kill(worker, signal.SIGCONT)
            await asyncio.sleep(chance.uniform(0.1, 2))
            stops += 1
        await numbers.served_again(time.monotonic())
        await numbers.end()
        tell(f"{stops} stops; {numbers.accepted} messages, {numbers.doubtful} in doubt, {numbers.repeats} repeats")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
