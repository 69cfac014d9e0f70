"""What a link does when servers or the way to them fail: it notices, says so, comes back, and keeps its order."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest

from bayeux.backplane.redis.follower import Entries
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.testing.fault_proxy import FaultProxy
from bayeux.testing.faults import Rates, Way
from tests.backplane.redis.conftest import Connect
from tests.backplane.redis.linked import Linked, fresh, until
from tests.support.ports import free_port
from tests.support.redis_server import (
    HOST,
    MASTER,
    PASSWORD,
    RedisCluster,
    RedisServer,
    Sentinels,
    redis_cluster,
    redis_sentinels,
    redis_server,
    wait_until,
)

pytestmark = pytest.mark.expected_logs("WARNING bayeux.backplane.redis.link: redis")


@pytest.fixture
async def proxy(own_server: RedisServer) -> AsyncIterator[FaultProxy]:
    """Before a server that may be harmed."""
    async with FaultProxy(own_server.port) as between:
        yield between


def through(proxy: FaultProxy) -> str:
    return f"redis://{HOST}:{proxy.port}"


async def hears(node: Linked, channel: str) -> bool:
    """Publish until it is heard: what is published before a subscription is made anew is lost, and not the link's."""
    before = len(node.told.messages)
    async with asyncio.timeout(60):
        while len(node.told.messages) == before:
            with suppress(StoreUnavailable):  # still away
                await node.publish(channel, "x")
            await asyncio.sleep(0.05)
    return True


# Order


Outcomes = dict[int, int | None]
"""By number: what the script gave; None if that is unknown."""


async def append(node: Linked, name: str, number: int, outcomes: Outcomes) -> None:
    """And note what became of it."""
    try:
        outcomes[number] = await node.append(name, number)
    except StoreUnavailable:
        outcomes[number] = None


async def append_under(node: Linked, name: str, fault: Callable[[], object], count: int = 1500) -> Outcomes:
    """Append numbers, many at once, while something happens again and again; what became of each."""
    outcomes: Outcomes = {}

    async def faults() -> None:
        while True:
            await asyncio.sleep(0.15)
            await asyncio.to_thread(fault)

    async with asyncio.TaskGroup() as tasks:
        faulting = tasks.create_task(faults())
        appending = []
        for number in range(1, count + 1):
            appending.append(tasks.create_task(append(node, name, number, outcomes)))
            if number % 20 == 0:
                await asyncio.sleep(0.02)
        await asyncio.wait(appending)
        faulting.cancel()
    return outcomes


def assert_in_order_and_once(outcomes: Outcomes, stored: list[int]) -> None:
    """Whatever was said to be done is there, once; all is in order."""
    assert stored == sorted(set(stored))
    done = {number for number, outcome in outcomes.items() if outcome is not None}
    assert done <= set(stored)
    assert len(done) > len(outcomes) / 2


@pytest.mark.spec("OPS-72")
async def test_calls_keep_their_order_though_connections_die_under_them(
    own_server: RedisServer, connect: Connect
) -> None:
    """A call that is sent again comes before those made after it; what was done is done once."""
    node = connect(own_server.url)
    await node.link.start()
    name = fresh()
    outcomes = await append_under(
        node, name, lambda: own_server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    )
    assert_in_order_and_once(outcomes, await node.numbers(name))
    assert node.link.tally.reconnects > 3


async def test_calls_keep_their_order_though_scripts_are_forgotten(own_server: RedisServer, connect: Connect) -> None:
    """``SCRIPT FLUSH``: they are loaded again before any of those that failed is sent."""
    node = connect(own_server.url)
    await node.link.start()
    name = fresh()
    outcomes = await append_under(node, name, lambda: own_server.ask("SCRIPT", "FLUSH"), 600)
    assert_in_order_and_once(outcomes, await node.numbers(name))


@pytest.mark.spec("OPS-70")
async def test_calls_keep_their_order_though_their_slot_moves(connect: Connect) -> None:
    """In a Cluster, while keys are on their way (ASK), afterwards (MOVED), and subscriptions follow."""
    with redis_cluster() as cluster:
        node = connect(cluster.url)
        await node.link.start()
        name = fresh()
        slot = int(cluster.masters[0].ask("CLUSTER", "KEYSLOT", name))
        await node.link.subscribe([name])
        others = [server for server in cluster.masters if server is not cluster.owner(slot)]
        target = itertools.cycle([*others, cluster.owner(slot)])

        def move() -> None:
            cluster.move(slot, next(target))

        outcomes = await append_under(node, name, move)
        assert_in_order_and_once(outcomes, await node.numbers(name))
        assert None not in outcomes.values()
        assert node.told.log.count(f"+{name}") > 1
        assert await hears(node, name)


# Silence


@pytest.mark.spec("OPS-72", "OPS-73")
async def test_silent_link_is_found_out_and_made_anew(proxy: FaultProxy, connect: Connect) -> None:
    """With the times of production: nothing comes through any more, and nobody says so.

    Found out within 10 s, and calls fail within about two; then all stands again, subscriptions included.
    """
    node = connect(through(proxy), Timing())
    channels = [fresh() for _ in range(20)]
    await node.link.start()
    await node.link.subscribe(channels)
    begun = time.monotonic()
    proxy.swallow()
    await until(lambda: not node.link.is_connected)
    assert time.monotonic() - begun < 10
    assert through(proxy) in node.told.reasons[0]
    assert node.link.trouble
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match=through(proxy)):
        await node.link.call("GET", "x")
    assert time.monotonic() - begun < 3.5
    proxy.heal()
    begun = time.monotonic()
    await node.until_connected()
    assert time.monotonic() - begun < 7
    assert all(node.told.log.count(f"+{channel}") == 2 for channel in channels)
    assert node.told.log[-1] == "connected"
    assert await hears(node, channels[0])


@pytest.mark.spec("OPS-73")
@pytest.mark.parametrize("number", [0, 1], ids=["one connection", "the other"])
@pytest.mark.parametrize("way", Way)
async def test_one_silent_connection_is_found_out(proxy: FaultProxy, connect: Connect, number: int, way: Way) -> None:
    """Of commands or of subscriptions, one way, though the other one works."""
    node = connect(through(proxy))
    channel = fresh()
    await node.link.start()
    await node.link.subscribe([channel])
    proxy.connections[number].swallow(way)
    other = fresh()
    with suppress(StoreUnavailable):
        await node.link.subscribe([other])
    await until(lambda: "disconnected" in node.told.log)
    await node.until_connected()
    assert await hears(node, channel)
    assert await hears(node, other)


@pytest.mark.spec("OPS-72")
async def test_frozen_server_holds_nobody_up(own_server: RedisServer, connect: Connect) -> None:
    """The kernel still takes connections; calls fail within ``patience``, later ones at once, and all is well after."""
    node = connect(own_server.url)
    await node.link.start()
    own_server.freeze()
    try:
        begun = time.monotonic()
        results = await asyncio.gather(*(node.link.call("INCR", "x") for _ in range(50)), return_exceptions=True)
        assert all(isinstance(result, StoreUnavailable) for result in results)
        assert time.monotonic() - begun < 4
        await asyncio.sleep(1)  # by when it has been away for longer than calls have patience
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await node.link.call("GET", "x")
        assert time.monotonic() - begun < 1
    finally:
        own_server.thaw()
    await node.until_connected()
    assert await node.link.call("GET", "x") is not None


async def test_slow_link_is_no_lost_link(proxy: FaultProxy, connect: Connect) -> None:
    """Late by less than a time-out, and in small pieces."""
    node = connect(through(proxy), Timing(reply=10.0, patience=30.0))
    proxy.delay(0.05, jitter=0.05)
    proxy.dribble(7)
    await node.link.start()
    await node.until_connected()
    name = fresh()
    await asyncio.gather(*(node.append(name, number) for number in range(1, 21)))
    assert await node.numbers(name) == list(range(1, 21))
    assert "disconnected" not in node.told.log


@pytest.mark.spec("OPS-72", "OPS-73")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_order_and_subscriptions_survive_a_bad_network(proxy: FaultProxy, connect: Connect, seed: int) -> None:
    """Cuts, also inside of commands, delays, silence, pieces, half-closed connections, outages: drawn from a seed."""
    node = connect(through(proxy))
    name = fresh()
    await node.link.start()
    await node.link.subscribe([name])
    rates = Rates(cut=0.3, cut_inside=0.3, delay=0.5, swallow=0.3, dribble=0.2, half_close=0.2, outage=0.2, longest=0.8)
    outcomes: Outcomes = {}
    async with proxy.at_random(random.Random(seed), rates), asyncio.TaskGroup() as tasks:
        for number in range(1, 600):
            tasks.create_task(append(node, name, number, outcomes))
            await asyncio.sleep(0.01)
    await node.until_connected()
    stored = await node.numbers(name)
    assert stored == sorted(set(stored)), f"seed {seed}"
    assert len(stored) > 100, f"seed {seed}"
    assert {number for number, outcome in outcomes.items() if outcome is not None} <= set(stored), f"seed {seed}"
    assert await hears(node, name), f"seed {seed}"
    assert node.link.tally.reconnects > 0


# Cuts


@pytest.mark.spec("OPS-72")
async def test_short_cut_fails_no_call(proxy: FaultProxy, connect: Connect) -> None:
    """Calls made meanwhile wait for the link, and are done once."""
    node = connect(through(proxy))
    await node.link.start()
    name = fresh()
    await node.append(name, 1)
    await proxy.cut()
    calls = [asyncio.create_task(node.append(name, number)) for number in range(2, 30)]
    await asyncio.sleep(0.3)  # short: less than calls have patience
    proxy.heal()
    assert await asyncio.gather(*calls) == list(range(2, 30))


@pytest.mark.spec("OPS-72", "OPS-73")
async def test_server_that_is_back_is_found_within_two_seconds(own_server: RedisServer, connect: Connect) -> None:
    """After five seconds without it; a call that is made meanwhile fails, and names the server and a next step."""
    node = connect(own_server.url, Timing())
    channel = fresh()
    await node.link.start()
    await node.link.subscribe([channel])
    own_server.kill()
    await until(lambda: not node.link.is_connected)
    await asyncio.sleep(5)  # in which pauses between attempts grow
    with pytest.raises(StoreUnavailable, match=f"{HOST}:{own_server.port} cannot be reached.*is it running"):
        await node.link.call("GET", "x")
    own_server.start()
    begun = time.monotonic()
    await node.until_connected()
    assert time.monotonic() - begun < 2
    assert node.told.log == ["connected", f"+{channel}", "disconnected", f"+{channel}", "connected"]
    assert await hears(node, channel)


@pytest.mark.spec("OPS-48")
async def test_server_may_come_after_its_nodes(connect: Connect) -> None:
    """``start`` returns without it; what is asked for before is there when it comes."""
    port = free_port()
    node = connect(f"redis://{HOST}:{port}")
    await node.link.start()
    assert not node.link.is_connected and str(port) in node.link.trouble
    channel, read = fresh(), list[Entries]()
    node.link.follow(f"{channel}:lane", read.append)
    with pytest.raises(StoreUnavailable, match=str(port)):
        await node.link.subscribe([channel])
    with redis_server(port=port):
        await node.until_connected()
        assert node.told.log == [f"+{channel}", "connected"]
        await node.link.call("XADD", f"{channel}:lane", "*", "a", "b")
        await until(lambda: read)
        assert await hears(node, channel)
        await node.link.stop()


@pytest.mark.spec("OPS-48", "OPS-70")
async def test_cluster_may_come_after_its_nodes(cluster: RedisCluster, connect: Connect) -> None:
    """Nothing is known of it at first; what is asked for before is there when its map can be read."""
    async with FaultProxy(cluster.masters[0].port) as between:
        await between.cut()
        node = connect(f"redis+cluster://{HOST}:{between.port}")
        await node.link.start()
        channel, read = fresh(), list[Entries]()
        node.link.follow(f"{channel}:lane", read.append)
        with pytest.raises(StoreUnavailable, match=f"{between.port}: no server tells its map"):
            await node.link.call("GET", channel)
        with pytest.raises(StoreUnavailable, match=str(between.port)):
            await node.link.subscribe([channel])
        between.heal()
        await node.until_connected()
        await node.link.call("XADD", f"{channel}:lane", "*", "a", "b")
        await until(lambda: read and f"+{channel}" in node.told.log)
        assert await hears(node, channel)
        await node.link.stop()


async def test_stream_is_followed_over_cuts(proxy: FaultProxy, own_server: RedisServer, connect: Connect) -> None:
    """Each entry once and in order, whatever happens to the link."""
    node = connect(through(proxy))
    await node.link.start()
    stream, read = fresh("lane"), list[int]()
    node.link.follow(stream, lambda entries: read.extend(int(fields[1]) for _, fields in entries))

    async def add(numbers: range) -> None:
        for number in numbers:
            await asyncio.to_thread(own_server.ask, "XADD", stream, "*", "n", number)

    await add(range(100))
    await until(lambda: len(read) > 10)
    await proxy.cut()
    await add(range(100, 150))
    proxy.heal()
    await until(lambda: len(read) == 150)
    proxy.swallow()
    await add(range(150, 200))
    await asyncio.sleep(1)  # the silence
    proxy.heal()
    await until(lambda: len(read) == 200)
    assert read == list(range(200))


async def test_stream_that_lost_its_end_is_read_from_its_start(own_server: RedisServer, connect: Connect) -> None:
    """A server that comes back without what it had counts anew; what is said there is not missed."""
    node = connect(own_server.url)
    await node.link.start()
    stream, read = fresh("lane"), list[bytes]()
    node.link.follow(stream, lambda entries: read.extend(fields[1] for _, fields in entries))
    own_server.ask("XADD", stream, "9999999999999-0", "n", "before")
    await until(lambda: read)
    own_server.kill()
    own_server.start()
    own_server.ask("XADD", stream, "5-0", "n", "after")
    await until(lambda: len(read) == 2)
    assert read == [b"before", b"after"]


async def test_stream_that_expired_and_counts_from_further_back_is_read(
    own_server: RedisServer, connect: Connect
) -> None:
    """Nobody wrote to it for long, and the clock of its server, from which its ids are, was set back since."""
    node = connect(own_server.url)
    await node.link.start()
    stream, read = fresh("lane"), list[bytes]()
    node.link.follow(stream, lambda entries: read.extend(fields[1] for _, fields in entries))
    own_server.ask("XADD", stream, "9999999999999-0", "n", "before")
    await until(lambda: read)
    own_server.ask("DEL", stream)
    own_server.ask("XADD", stream, "5-0", "n", "after")
    await until(lambda: len(read) == 2)
    assert read == [b"before", b"after"]


async def test_refusal_of_the_operator_is_unavailability(own_server: RedisServer, connect: Connect) -> None:
    """Redis without memory answers, and takes nothing: as if it were away, for callers."""
    node = connect(own_server.url)
    await node.link.start()
    own_server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await node.link.call("SET", fresh(), 1)
    with pytest.raises(StoreUnavailable, match="maxmemory"):
        await node.append(fresh(), 1)
    own_server.ask("CONFIG", "SET", "maxmemory", "0")
    assert await node.append(fresh(), 1) == 1


# Other servers


@pytest.fixture
def own_sentinels() -> Iterator[Sentinels]:
    with redis_sentinels() as started:
        yield started


@pytest.mark.spec("OPS-70", "OPS-73")
@pytest.mark.parametrize("how", ["killed", "frozen", "demoted"])
async def test_master_is_replaced(own_sentinels: Sentinels, connect: Connect, how: str) -> None:
    """By Sentinels, as it died, does nothing, or at the operator's will: the link goes to the new one."""
    sentinels = own_sentinels
    node = connect(sentinels.url)
    channel = fresh()
    await node.link.start()
    await node.link.subscribe([channel])
    await node.append(channel, 1)
    old = sentinels.master
    wait_until(lambda: sentinels.replica.ask("LLEN", f"{channel}:list") == 1)
    if how == "killed":
        old.kill()
    elif how == "frozen":
        old.freeze()
    else:
        await asyncio.to_thread(sentinels.fail_over)
    try:
        await asyncio.to_thread(sentinels.wait_for_other_than, old.port)
        await until(lambda: "disconnected" in node.told.log)
        assert await hears(node, channel)
        assert await node.append(channel, 2) == 2
        assert sentinels.master.ask("LLEN", f"{channel}:list") == 2
        assert sentinels.master is not old
        await node.until_connected()
        assert node.told.log.count(f"+{channel}") >= 2
    finally:
        old.thaw()


@pytest.mark.spec("OPS-73")
async def test_master_that_answers_but_was_replaced_is_left(own_sentinels: Sentinels, connect: Connect) -> None:
    """It was cut off from its Sentinels, and knows of nothing: they are asked now and then."""
    node = connect(own_sentinels.url)
    await node.link.start()
    with redis_server(password=PASSWORD) as other:
        for sentinel in own_sentinels.sentinels:
            sentinel.ask("SENTINEL", "REMOVE", MASTER)
            sentinel.ask("SENTINEL", "MONITOR", MASTER, HOST, str(other.port), "2")
        await until(lambda: "disconnected" in node.told.log)
        assert "no more the master" in node.told.reasons[0]
        await node.until_connected()
        await node.append("bayeux:x", 1)
        assert other.ask("LLEN", "bayeux:x:list") == 1
        await node.link.stop()


@pytest.mark.spec("OPS-70", "OPS-73")
async def test_master_of_a_cluster_is_replaced(connect: Connect) -> None:
    """Calls for the others go on all the while; those of its slots, and its channels, come to its replica."""
    with redis_cluster(replicas=True) as cluster:
        node = connect(cluster.url)
        await node.link.start()
        names = [fresh() for _ in range(30)]
        await node.link.subscribe(names)
        for name in names:
            await node.append(name, 1)
        victim = cluster.masters[0]
        pairs = list(zip(cluster.replicas, cluster.masters, strict=True))
        wait_until(lambda: all(r.ask("DBSIZE") == m.ask("DBSIZE") for r, m in pairs))
        slots = {name: int(victim.ask("CLUSTER", "KEYSLOT", name)) for name in names}
        lost = [name for name in names if cluster.owner(slots[name]) is victim]
        kept = [name for name in names if name not in lost]
        assert lost and kept
        victim.kill()
        await until(lambda: not node.link.is_connected)
        for name in kept:
            assert await node.append(name, 2) == 2
        await node.until_connected()
        for name in lost:
            assert await node.append(name, 2) == 2
            assert await hears(node, name)
            assert node.told.log.count(f"+{name}") >= 2
