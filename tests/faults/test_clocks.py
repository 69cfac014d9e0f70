"""The time of day steps by hours, at nodes or at Redis; what counts seconds goes on evenly, as it does then."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.faults.scene import Machine, scene
from tests.faults.story import KEPT, NOT_KEPT, served_soon, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer, redis_server

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
STEPS = {"+1h": 1, "-2h": -2, "+0": 0}
"""From the true time, in hours."""
SOON = 3.0

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timed,
    pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed: apt-get install faketime"),
]


class Clock:
    """The time of day, as it is told to processes that start while their environment has it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        """Step; at once, and whole."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.rename(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": f"{LIBRARIES[0]} libc.so.6",  # before the allocator of Redis, which asks the time too early
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


async def hours_ahead(node: Machine) -> int:
    """How far it thinks to be ahead, by the date of its answers."""
    answer = await AsyncHTTPClient().fetch(f"{node.public}/health/live")
    return round((parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()) / 3600)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def redis_with_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    with monkeypatch.context() as patch:
        for name, value in clock.environment.items():
            patch.setenv(name, value)
        server = redis_server()
        started = server.__enter__()
    try:
        yield started
    finally:
        server.__exit__(None, None, None)


@pytest.mark.spec("OPS-62", "CLU-1", "ACK-1")
async def test_clocks_of_nodes_step(
    tmp_path: Path, redis: RedisServer, clock: Clock, monkeypatch: pytest.MonkeyPatch, chance: random.Random, tell: Tell
) -> None:
    """Nothing is decided by them."""
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=NOT_KEPT) as numbers:
        for name in clock.environment:
            monkeypatch.delenv(name)
        numbers.begin(pause=0.02)
        took = []
        for step, hours in STEPS.items():
            await asyncio.sleep(1)
            clock.set(step)
            assert await hours_ahead(here.nodes[0]) == hours
            took.append(await numbers.served_again(time.monotonic()))
        await asyncio.sleep(2)
        await numbers.end()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt; steps by hours: {list(STEPS.values())}")
        assert numbers.repeats == 0
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        served_soon(took, SOON)


@pytest.mark.spec("OPS-62", "OPS-74", "OPS-76")
@pytest.mark.parametrize("step", ["+1h", "-2h"])
async def test_the_clock_of_redis_steps(
    step: str, tmp_path: Path, redis_with_clock: RedisServer, clock: Clock, chance: random.Random, tell: Tell
) -> None:
    """What expires by it is written anew, or its loss is told; nobody is left waiting."""
    before = int(redis_with_clock.ask("TIME")[0])
    async with (
        scene(tmp_path, redis_with_clock) as here,
        story([here.cometd], chance, channel=KEPT) as numbers,
    ):
        numbers.begin(pause=0.02)
        await asyncio.sleep(2)
        clock.set(step)
        moment = time.monotonic()
        assert abs(int(redis_with_clock.ask("TIME")[0]) - before) > 3000
        took = await numbers.served_again(moment)
        await asyncio.sleep(5)
        took = max(took, await numbers.served_again(time.monotonic()))
        node = here.nodes[0]
        await asyncio.to_thread(node.kill)
        after = await numbers.served_again(time.monotonic())
        await numbers.end(patience=5)
        lost = numbers.nothing_is_lost_silently()
        new = sum(reader.was_told > 0 for reader in numbers.readers)
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt, {lost} lost and told, {new} new sessions")
        tell(f"served after {took:.1f} s; after the death of a node, in {after:.1f} s")
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        served_soon((took, after), SOON)
