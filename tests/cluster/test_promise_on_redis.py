"""The stories of ``test_promise`` told once more, with a real Redis between the nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.link import Timing
from bayeux.backplane.redis.membership import Lease
from bayeux.testing.fault_proxy import FaultProxy
from tests.cluster import test_promise
from tests.support.redis_server import HOST, RedisServer, has_redis, redis_server

pytestmark = [
    *([test_promise.pytestmark] if isinstance(test_promise.pytestmark, pytest.MarkDecorator) else []),
    pytest.mark.expected_logs("WARNING bayeux.backplane.redis.link: redis"),
    pytest.mark.skipif(not has_redis(), reason="there is no redis-server here"),
]

PROXIES = 12
"""As many as nodes in a story, at most."""
_prefixes = count()


class ShakyBackplane(RedisBackplane):
    """On Redis, with the faults of one in memory."""

    latency = 0.0

    def __init__(self, proxy: FaultProxy, **settings: Any) -> None:
        super().__init__(f"redis://{HOST}:{proxy.port}", **settings)
        self._proxy = proxy
        self._faults: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        self._befall(self._proxy.cut)

    def heal(self) -> None:
        self._proxy.heal()

    def kill(self) -> None:
        self._receiver = None
        self._befall(self._link.stop)

    async def stop(self) -> None:
        await asyncio.gather(*self._faults)
        await super().stop()

    def _befall(self, fault: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(fault())
        self._faults.add(task)
        task.add_done_callback(self._faults.discard)


class RedisHub:
    """What a story asks of a hub."""

    clock = staticmethod(time.monotonic)

    def __init__(self, proxies: list[FaultProxy]) -> None:
        self._proxies = proxies
        self._prefix = f"bayeux-story-{next(_prefixes)}"

    def node(self) -> ShakyBackplane:
        return ShakyBackplane(
            self._proxies.pop(),
            prefix=self._prefix,
            partitions=8,
            lease=Lease(lasts=1.0, renewed=0.1),
            look=0.5,
            timing=Timing(most_pause=0.3),
        )


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture(autouse=True)
async def on_redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Have stories happen there."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(FaultProxy(server.port)) for _ in range(PROXIES)]
        monkeypatch.setattr(test_promise, "MemoryHub", lambda **settings: RedisHub(proxies))
        yield


@pytest.mark.spec("OPS-42", "ACK-1")
@pytest.mark.parametrize("seed", [0])
async def test_nothing_is_lost_or_doubled_by_relays_and_moves(seed: int) -> None:
    readers = await test_promise.play(seed, deaths=0, cuts=0)
    assert [each.doubles for each in readers] == [0] * len(readers)


@pytest.mark.spec("OPS-62", "ACK-1")
@pytest.mark.parametrize("seed", [100, 101])
async def test_nothing_is_lost_when_nodes_die(seed: int) -> None:
    await test_promise.play(seed, deaths=3, cuts=0)


@pytest.mark.spec("OPS-62", "OPS-72", "ACK-1")
@pytest.mark.parametrize("seed", [200, 201])
async def test_nothing_is_lost_when_nodes_are_cut_off(seed: int) -> None:
    await test_promise.play(seed, deaths=1, cuts=3)
