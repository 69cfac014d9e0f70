"""Redis that stands still, dies and comes back, or cannot be reached: by all nodes, or by one of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import scene
from tests.faults.story import KEPT, NOT_KEPT, Story, story
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer, redis_server

pytestmark = [pytest.mark.soak, pytest.mark.timed]

AWAY = 5.0
BACK = 2.0
"""Seconds after Redis is back until events go on to everybody."""
ANEW = 3.0
"""Seconds more where clients have to begin anew, which they do after a pause."""
SILENCE = 15.0
"""Seconds after which a link that has gone silent is made anew, and events go on."""


@pytest.fixture
def redis_with_file() -> Iterator[RedisServer]:
    """It knows after a restart what it knew before."""
    with redis_server("--appendonly", "yes", "--appendfsync", "everysec") as server:
        yield server


def all_went_on(numbers: Story, took: float, tell: Tell) -> None:
    """Nothing is lost, nobody had to begin anew, and it was soon."""
    tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt; served {took:.2f} s after Redis was back")
    numbers.nothing_is_lost()
    numbers.nothing_is_double()
    numbers.everything_is_in_order()
    numbers.everybody_kept_his_session()
    assert took <= BACK


@pytest.mark.spec("OPS-72", "OPS-74", "ACK-1")
async def test_redis_stands_still(tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell) -> None:
    """Sessions stay, nothing is lost; and after five seconds all goes on within two."""
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=NOT_KEPT) as numbers:
        numbers.begin(pause=0.02)
        await asyncio.sleep(1)
        redis.freeze()
        await asyncio.sleep(AWAY)
        redis.thaw()
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await numbers.end()
        all_went_on(numbers, took, tell)


@pytest.mark.spec("OPS-72", "OPS-74", "OPS-76", "ACK-1")
async def test_redis_dies_and_comes_back_with_its_file(
    tmp_path: Path, redis_with_file: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """A node may have been taken for dead meanwhile: what comes again is told by its position, and dropped."""
    redis = redis_with_file
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=KEPT) as numbers:
        numbers.begin(pause=0.02)
        await asyncio.sleep(2)
        redis.kill()
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(redis.start)
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await numbers.end()
        all_went_on(numbers, took, tell)


@pytest.mark.spec("OPS-72", "OPS-74", "OPS-76", "RPL-14")
@pytest.mark.parametrize("channel", [KEPT, NOT_KEPT])
async def test_redis_dies_and_comes_back_with_nothing(
    channel: str, tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """What is lost is told, and all goes on."""
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=channel) as numbers:
        numbers.begin(pause=0.02)
        await asyncio.sleep(2)
        redis.kill()
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(redis.start)
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await numbers.end(patience=3)
        lost = numbers.nothing_is_lost_silently()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt, {lost} lost and told")
        tell(f"served {took:.2f} s after Redis was back")
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        assert took <= BACK + ANEW


@pytest.mark.spec("OPS-62", "OPS-72", "ACK-1")
async def test_one_node_is_cut_off_for_good(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """Its clients lose patience after ten seconds, are sent away, and go on elsewhere."""
    patience = 10.0
    settings = {"backplane.grace": "3s"}
    async with (
        scene(tmp_path, redis, settings=settings) as here,
        story([here.cometd], chance, channel=KEPT) as numbers,
    ):
        numbers.begin(pause=0.05)  # queues have room for all that is written while somebody is away (SEC-L16)
        await asyncio.sleep(1)
        await chance.choice(here.proxies).cut()
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await numbers.end()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt; served elsewhere after {took:.2f} s")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        assert took <= patience + 2 + 3


@pytest.mark.spec("OPS-73", "OPS-74", "ACK-1")
async def test_links_go_silent(tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell) -> None:
    """All connections of a node stay open and carry nothing any more; others can be made."""
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=KEPT) as numbers:
        numbers.begin(pause=0.02)
        await asyncio.sleep(1)
        for connection in chance.choice(here.proxies).connections:
            connection.swallow()
        took = await numbers.served_again(time.monotonic())
        await asyncio.sleep(1)
        await numbers.end()
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt; served after {took:.2f} s")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        assert took <= SILENCE


@pytest.mark.spec("OPS-73", "OPS-74", "ACK-1")
async def test_each_link_goes_silent_alone(
    tmp_path: Path, redis: RedisServer, chance: random.Random, tell: Tell
) -> None:
    """One after the other: the one for commands, the one for subscriptions, the one for what is addressed."""
    async with scene(tmp_path, redis) as here, story([here.cometd], chance, channel=KEPT) as numbers:
        numbers.begin(pause=0.02)
        await asyncio.sleep(1)
        took = []
        for connection in list(here.proxies[0].connections):
            connection.swallow()
            took.append(await numbers.served_again(time.monotonic()))
            await asyncio.sleep(10)
            took[-1] = max(took[-1], await numbers.served_again(time.monotonic()))
        await numbers.end()
        times = ", ".join(f"{each:.1f}" for each in took)
        tell(f"{numbers.accepted} messages, {numbers.doubtful} in doubt; each was served again after {times} s")
        numbers.nothing_is_lost()
        numbers.nothing_is_double()
        numbers.everything_is_in_order()
        numbers.everybody_kept_his_session()
        assert max(took) <= SILENCE
