"""What every ``History`` promises; each implementation runs the same lines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from bayeux.backplane.interface import History, Position, Retention, Stretch
from bayeux.backplane.memory import MemoryHistory
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.replay import MAX_ID
from bayeux.testing.clock import ManualClock
from tests.support.nodes import Nodes
from tests.support.nodes_on_redis import NodesOnRedis

Value = TypeVar("Value")

STORES = ("memory", "redis", "cluster")

TEN = Retention(events=10, ttl=60.0, bytes=0)


async def settled(value: Value | Awaitable[Value]) -> Value:
    """What a method gave, waited for if it must be."""
    if inspect.isawaitable(value):
        return await value
    return value


@dataclass
class Kept:
    """A history under test, its time, and shorthands for its methods."""

    history: History
    pass_time: Callable[[float], Any]
    """Seconds; events age by that much."""
    positions: list[Position] = field(default_factory=list)

    async def append(self, channel: str, *payloads: bytes, retention: Retention = TEN) -> list[int]:
        """Append in this order; the ids."""
        positions = [await settled(self.history.append(channel, each, retention)) for each in payloads]
        self.positions += positions
        return [position.offset for position in positions]

    async def since(self, channel: str, after: int = 0, limit: int = 1000) -> Stretch:
        return await settled(self.history.since(channel, after, limit))

    async def payloads(self, channel: str, after: int = 0, limit: int = 1000) -> list[bytes]:
        return [event.payload for event in (await self.since(channel, after, limit)).events]

    async def channels(self, pattern: str) -> set[str]:
        return set(await settled(self.history.channels(parse_channel(pattern))))


def in_memory() -> Kept:
    clock = ManualClock()
    return Kept(MemoryHistory(clock=clock, random_bytes=lambda n: bytes(range(n))), clock.advance)


async def of_a_node(nodes: NodesOnRedis) -> Kept:
    history = (await nodes.node()).backplane.history

    def pass_time(seconds: float) -> None:
        history.ahead += seconds

    return Kept(history, pass_time)


@pytest.fixture
async def kept(nodes: Nodes) -> Kept:
    """In memory by itself, for the hub's is the same."""
    return await of_a_node(nodes) if isinstance(nodes, NodesOnRedis) else in_memory()


@pytest.mark.spec("RPL-2")
async def test_ids_of_a_channel_increase_and_fit_javascript(kept: Kept) -> None:
    ids = await kept.append("/n", b"a", b"b")
    ids += await kept.append("/m", b"x")
    ids += await kept.append("/n", b"c")
    of_n = [ids[0], ids[1], ids[3]]
    assert of_n == sorted(set(of_n))
    assert all(1 <= id <= MAX_ID for id in ids)
    assert kept.positions[0].epoch == kept.positions[1].epoch == kept.positions[3].epoch


@pytest.mark.spec("RPL-12")
async def test_what_was_appended_is_read_in_its_order_from_any_id_on(kept: Kept) -> None:
    ids = await kept.append("/n", b"a", b"b", b"c")
    await kept.append("/m", b"x")
    assert await kept.payloads("/n") == [b"a", b"b", b"c"]
    assert await kept.payloads("/n", ids[0]) == [b"b", b"c"]
    assert await kept.payloads("/n", ids[2]) == []
    assert await kept.payloads("/n", ids[2] + 100) == []
    assert [event.id for event in (await kept.since("/n")).events] == ids


@pytest.mark.spec("RPL-2")
async def test_a_read_tells_the_epoch_and_the_ends_of_what_is_held(kept: Kept) -> None:
    ids = await kept.append("/n", b"a", b"b")
    extent = (await kept.since("/n", limit=0)).extent
    assert (extent.epoch, extent.newest) == (kept.positions[0].epoch, ids[-1])
    assert extent.floor < ids[0]


@pytest.mark.spec("RPL-22")
async def test_a_long_stretch_is_read_in_slices(kept: Kept) -> None:
    await kept.append("/n", *(b"%d" % n for n in range(10)))
    found, after = [], 0
    while events := (await kept.since("/n", after, 4)).events:
        assert len(events) <= 4
        found += [event.payload for event in events]
        after = events[-1].id
    assert found == [b"%d" % n for n in range(10)]


@pytest.mark.spec("RPL-1")
async def test_above_so_many_events_the_oldest_go_and_the_floor_says_so(kept: Kept) -> None:
    ids = await kept.append("/n", *(b"%d" % n for n in range(13)))
    stretch = await kept.since("/n")
    assert [event.id for event in stretch.events] == ids[3:]
    assert (stretch.extent.floor, stretch.extent.newest) == (ids[2], ids[-1])


@pytest.mark.spec("RPL-1")
async def test_above_so_many_bytes_the_oldest_go(kept: Kept) -> None:
    bound = Retention(events=10, ttl=60.0, bytes=10)
    ids = await kept.append("/n", b"aaaa", b"bbbb", b"cc", retention=bound)
    assert await kept.payloads("/n") == [b"aaaa", b"bbbb", b"cc"]
    await kept.append("/n", b"d", retention=bound)
    assert await kept.payloads("/n") == [b"bbbb", b"cc", b"d"]
    assert (await kept.since("/n")).extent.floor == ids[0]


@pytest.mark.spec("RPL-1")
async def test_an_event_above_the_bytes_has_a_position_and_is_gone(kept: Kept) -> None:
    ids = await kept.append("/n", b"a", b"b" * 11, retention=Retention(events=10, bytes=10))
    stretch = await kept.since("/n")
    assert not stretch.events
    assert stretch.extent.floor == stretch.extent.newest == ids[-1]


@pytest.mark.spec("RPL-1")
async def test_events_go_when_their_time_is_over_also_if_nothing_is_appended(kept: Kept) -> None:
    early = await kept.append("/n", b"a")
    kept.pass_time(40)
    late = await kept.append("/n", b"b")
    kept.pass_time(30)
    stretch = await kept.since("/n")
    assert [event.id for event in stretch.events] == late
    assert (stretch.extent.floor, stretch.extent.newest) == (early[0], late[0])
    kept.pass_time(31)
    stretch = await kept.since("/n")
    assert not stretch.events
    assert stretch.extent.floor == stretch.extent.newest == late[0]


@pytest.mark.spec("RPL-1")
async def test_the_latest_retention_goes_for_the_whole_channel(kept: Kept) -> None:
    await kept.append("/n", b"a", b"b", b"c")
    await kept.append("/n", b"d", retention=Retention(events=2))
    assert await kept.payloads("/n") == [b"c", b"d"]


@pytest.mark.spec("RPL-2", "RPL-14")
async def test_of_a_channel_without_history_nothing_is_told_that_could_be_wrong(kept: Kept) -> None:
    """Who asks for what it had there is told of a gap, unless it is as far as the history can have come."""
    extent = (await kept.since("/n")).extent
    assert extent.floor <= extent.newest
    ids = await kept.append("/n", b"a")
    after = await kept.since("/n", extent.newest)
    assert [event.id for event in after.events] == ids
    assert after.extent.floor <= extent.newest


@pytest.mark.spec("RPL-17")
async def test_channels_below_a_pattern_are_found_while_they_hold_events(kept: Kept) -> None:
    for channel in ("/n/a", "/n/b", "/n/a/x", "/m", "/nn/a"):
        await kept.append(channel, b"1")
    assert await kept.channels("/n/*") == {"/n/a", "/n/b"}
    assert await kept.channels("/n/**") == {"/n/a", "/n/b", "/n/a/x"}
    assert await kept.channels("/**") == {"/n/a", "/n/b", "/n/a/x", "/m", "/nn/a"}
    assert await kept.channels("/n/a") == {"/n/a"}
    kept.pass_time(61)
    await kept.append("/n/c", b"2")
    assert await kept.channels("/n/**") == {"/n/c"}


@pytest.mark.spec("RPL-1")
@pytest.mark.parametrize("bounds", [{"events": 0}, {"events": 1, "ttl": -1.0}, {"events": 1, "bytes": -1}])
def test_a_retention_that_keeps_nothing_is_refused(bounds: Any) -> None:
    with pytest.raises(ValueError):
        Retention(**bounds)


def test_without_times_and_bytes_only_the_number_bounds() -> None:
    kept = in_memory()
    for n in range(5):
        kept.history.append("/n", b"x" * 1000 * n, Retention(events=3, ttl=0, bytes=0))
        kept.pass_time(1e6)
    stretch = kept.history.since("/n", 0, 100)
    assert isinstance(stretch, Stretch)
    assert len(stretch.events) == 3
