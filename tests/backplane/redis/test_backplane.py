"""A backplane on Redis beyond its contract: a store that goes back, replies that are lost, keys that others wrote."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis import Redis

from bayeux.backplane.backplane import Arrived, JournalGap, NodeInfo
from bayeux.backplane.interface import Retention
from bayeux.backplane.redis import membership
from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.link import Timing
from bayeux.backplane.redis.membership import Lease
from bayeux.protocol.errors import Unavailable
from bayeux.testing.fault_proxy import FaultProxy
from bayeux.testing.faults import Way
from tests.support.nodes import Ears, eventually
from tests.support.redis_server import HOST, RedisServer

CHANNEL = "/chat/news"
_prefixes = itertools.count()

pytestmark = pytest.mark.expected_logs("WARNING bayeux.backplane.redis.link")

Join = Callable[..., Any]


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """Starts nodes of one prefix, all listening to the channel."""
    made: list[RedisBackplane] = []
    prefix = f"bayeux-own-{next(_prefixes)}"

    async def start(url: str, **options: Any) -> tuple[RedisBackplane, Ears]:
        settings: dict[str, Any] = {
            "prefix": prefix,
            "partitions": 4,
            "look": 0.3,
            "lease": Lease(lasts=2.0, renewed=0.2),
            "timing": Timing(connect=2.5, reply=2.5, patience=4.0, most_pause=0.3),
            **options,
        }
        backplane, ears = RedisBackplane(url, **settings), Ears()
        made.append(backplane)
        await backplane.start(ears)
        await backplane.listen([backplane.partition_of(CHANNEL)])
        return backplane, ears

    yield start
    for each in made:
        await each.stop()


@pytest.mark.spec("OPS-72")
async def test_a_publish_whose_reply_was_lost_is_sent_again_and_counts_once(join: Join, server: RedisServer) -> None:
    """The way back swallows replies, so nobody knows what was done; all come once, in their order."""
    async with FaultProxy(server.port) as proxy:
        shaky, _ = await join(f"redis://{HOST}:{proxy.port}")
        _, ears = await join(server.url)
        for turn in range(3):
            proxy.swallow(Way.TO_CLIENT)
            busily = [
                asyncio.create_task(shaky.publish(CHANNEL, b"", b"%d" % (turn * 10 + n), Retention(events=100)))
                for n in range(10)
            ]
            await eventually(lambda seen=turn * 10 + 10: len(ears.events) >= seen)
            await proxy.cut()
            proxy.heal()
            positions = await asyncio.gather(*busily)
            assert [position.offset for position in positions] == [event.place for event in ears.events[-10:]]
        assert ears.payloads == [b"%d" % n for n in range(30)]
        stretch = await shaky.history.since(CHANNEL, 0, 100)
        assert [event.payload for event in stretch.events] == ears.payloads


@pytest.mark.spec("OPS-74")
async def test_events_that_were_lost_silently_are_found_at_the_next_look(join: Join, server: RedisServer) -> None:
    """Nothing follows them, so only a look at the journal can tell."""
    one, ears = await join(server.url)
    two, _ = await join(server.url)
    deaf = one._receiving.message
    one._receiving.message = lambda channel, packed: None  # type: ignore[method-assign]
    await two.publish(CHANNEL, b"", b"1")
    await two.publish(CHANNEL, b"", b"2")
    await eventually(lambda: ears.payloads == [b"1", b"2"])
    one._receiving.message = deaf  # type: ignore[method-assign]
    await two.publish(CHANNEL, b"", b"3")
    await eventually(lambda: ears.payloads == [b"1", b"2", b"3"])
    assert not ears.gaps
    assert one.link.gaps_filled >= 1


@pytest.mark.expected_logs("the store lost events that were published")
@pytest.mark.parametrize("others", [0, 2, 3, 8])
@pytest.mark.spec("OPS-74")
async def test_a_store_that_went_back_is_told_as_a_gap_also_if_others_took_the_places(
    join: Join, server: RedisServer, others: int
) -> None:
    """As at a failover to a replica that lagged: a node is cut off, the store loses the last events, others publish."""
    kept = Retention(events=100)
    async with FaultProxy(server.port) as proxy:
        one, ears = await join(f"redis://{HOST}:{proxy.port}")
        two, seen = await join(server.url)
        two.ignore([two.partition_of(CHANNEL)])
        first = await two.publish(CHANNEL, b"", b"kept", kept)
        with Redis(unix_socket_path=str(server.socket_path)) as operator:
            names = [name for name in operator.keys(f"{one._receiving._keys.prefix}:*:{{*") if b":lease:" not in name]
            before = {name: operator.dump(name) for name in names}
            for n in range(3):
                await two.publish(CHANNEL, b"", b"lost %d" % n, kept)
            await eventually(lambda: len(ears.events) == 4)
            await proxy.cut()
            for name, dump in before.items():
                operator.restore(name, 600_000, dump, replace=True)
        for n in range(others):
            await two.publish(CHANNEL, b"", b"other %d" % n, kept)
        proxy.heal()
        await eventually(lambda: ears.gaps)
        last = await two.publish(CHANNEL, b"", b"last", kept)
        await eventually(lambda: ears.payloads[-1] == b"last")
        assert ears.gaps == [(one.partition_of(CHANNEL), 4)]
        assert ears.payloads == [b"kept", b"lost 0", b"lost 1", b"lost 2", b"last"]
        assert first is not None
        assert last is not None
        assert last.epoch != first.epoch
        assert ears.events[-1].place > ears.events[-2].place
        assert not seen.events


@pytest.mark.expected_logs("the store lost events that were published")
@pytest.mark.spec("OPS-74", "RPL-2")
async def test_a_store_that_went_back_is_found_out_by_a_publisher_where_nobody_listens(
    join: Join, server: RedisServer
) -> None:
    one, _ = await join(server.url)
    keys, partition = one._receiving._keys, one.partition_of(CHANNEL)
    one.ignore([partition])
    positions = [await one.publish(CHANNEL, b"", b"%d" % n, Retention(events=9)) for n in range(3)]
    server.ask("HINCRBY", keys.state(partition), "place", -2)
    server.ask("DEL", keys.journal(partition), *keys.history(partition, CHANNEL))
    await one.publish(CHANNEL, b"", b"takes a place")
    last = await one.publish(CHANNEL, b"", b"last", Retention(events=9))
    assert positions[-1] is not None
    assert last is not None
    assert last.epoch != positions[-1].epoch
    assert last.offset > positions[-1].offset


async def test_many_who_rewind_at_once_share_what_they_read(join: Join, server: RedisServer) -> None:
    one, ears = await join(server.url)
    for n in range(600):
        await one.publish(CHANNEL, b"", b"%d" % n)
    await eventually(lambda: len(ears.events) == 600)
    partition = one.partition_of(CHANNEL)
    given: list[list[Arrived]] = [[] for _ in range(50)]
    calls = int(server.ask("INFO", "commandstats").split("cmdstat_evalsha:calls=")[1].split(",")[0])
    await asyncio.gather(*(one.rewind({partition: ears.events[9].place}, each.append, lambda: None) for each in given))
    more = int(server.ask("INFO", "commandstats").split("cmdstat_evalsha:calls=")[1].split(",")[0])
    assert all(each == ears.events[10:] for each in given)
    assert more - calls < 50


async def test_what_is_retained_alone_has_a_place_and_is_given_to_nobody(join: Join, server: RedisServer) -> None:
    one, ears = await join(server.url)
    await one.history.append(CHANNEL, b"silent", Retention(events=9))
    await one.publish(CHANNEL, b"", b"heard")
    await eventually(lambda: ears.events)
    assert ears.payloads == [b"heard"]
    given: list[Arrived] = []
    await one.rewind({one.partition_of(CHANNEL): ears.events[0].place - 2}, given.append, lambda: None)
    assert given == ears.events


@pytest.mark.expected_logs("holds what no node of this version writes")
@pytest.mark.spec("SEC-80")
async def test_what_others_write_into_our_keys_is_dropped_and_counted(join: Join, server: RedisServer) -> None:
    one, ears = await join(server.url)
    two, _ = await join(server.url)
    keys = one._receiving._keys
    partition = one.partition_of(CHANNEL)
    await one.publish(CHANNEL, b"", b"1")
    await eventually(lambda: len(ears.events) == 1)
    place = ears.events[0].place
    server.ask("PUBLISH", keys.events(partition), "rubbish")
    server.ask("XADD", keys.lane(one.node.id), "*", "m", "rubbish")
    server.ask("XADD", keys.journal(partition), f"{place + 1}-0", "e", "rubbish")
    server.ask("HINCRBY", keys.state(partition), "place", 1)
    await eventually(lambda: ears.gaps)
    await two.publish(CHANNEL, b"", b"2")
    await two.send(one.node.id, b"hello")
    await eventually(lambda: len(ears.events) == 2 and ears.messages)
    assert ears.payloads == [b"1", b"2"]
    assert ears.messages == [(two.node.id, b"hello")]
    assert one.link.dropped["malformed"] >= 3


@pytest.mark.spec("OPS-75")
async def test_a_lane_that_is_full_refuses(join: Join, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayeux.backplane.redis.lanes.MAX_WAITING", 5)
    one, _ = await join(server.url)
    two, ears = await join(server.url)
    await two._lanes.stop()
    sent = [await asyncio.gather(one.send(two.node.id, b""), return_exceptions=True) for _ in range(7)]
    refused = [outcome for (outcome,) in sent if outcome is not None]
    assert refused
    assert all(isinstance(each, Unavailable) and "messages wait for it" in str(each) for each in refused)
    assert one.link.dropped["lane_full"] == len(refused)
    assert not ears.messages


@pytest.mark.spec("OPS-75", "OPS-74")
async def test_what_comes_before_its_turn_is_bounded_and_read_from_the_journal(
    join: Join, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event was missed, and others flood in while the journal cannot be read: what is let go of is no loss."""
    monkeypatch.setattr("bayeux.backplane.feed.MAX_HELD", 20)
    one, ears = await join(server.url, look=30.0)
    two, seen = await join(server.url)
    may_read, read = asyncio.Event(), one._receiving._journals.read

    async def wait_and_read(*what: Any) -> Any:
        await may_read.wait()
        return await read(*what)

    monkeypatch.setattr(one._receiving._journals, "read", wait_and_read)
    with monkeypatch.context() as deaf:
        missed: list[bytes] = []
        deaf.setattr(one._receiving, "message", lambda channel, packed: missed.append(packed))
        await two.publish(CHANNEL, b"", b"0")
        await eventually(lambda: seen.events and missed)
    for n in range(1, 200):
        await two.publish(CHANNEL, b"", b"%d" % n)
    await eventually(lambda: len(seen.events) == 200)
    feed = one._receiving._partitions[one.partition_of(CHANNEL)].feed
    await eventually(lambda: seen.events[-1].place in feed._held)
    assert len(feed._held) <= 20
    assert not ears.events
    may_read.set()
    await eventually(lambda: len(ears.events) == 200)
    assert ears.events == seen.events
    assert not ears.gaps


async def test_what_was_read_is_let_go_of(join: Join, server: RedisServer) -> None:
    one, _ = await join(server.url)
    two, ears = await join(server.url)
    for _ in range(20):
        await one.send(two.node.id, b"x" * 100)
    await eventually(lambda: len(ears.messages) == 20)
    lane = two._receiving._keys.lane(two.node.id)
    await eventually(lambda: server.ask("XLEN", lane) == 0)


@pytest.mark.spec("OPS-71")
async def test_a_journal_keeps_what_is_recent_within_bounds(join: Join, server: RedisServer) -> None:
    """As many as asked for at least, of the last half minute five times as many, give or take what Redis packs."""
    one, _ = await join(server.url, journal=200)
    keys, partition = one._receiving._keys, one.partition_of(CHANNEL)
    server.ask("CONFIG", "SET", "stream-node-max-entries", 10)

    async def length_after(count: int) -> int:
        await asyncio.gather(*(one.publish(CHANNEL, b"", b"x") for _ in range(count)))
        return int(server.ask("XLEN", keys.journal(partition)))

    assert 1000 <= await length_after(1400) <= 1020
    lengths = []
    for _ in range(4):
        server.ask("HINCRBY", keys.state(partition), "marked", -31)
        lengths.append(await length_after(200))
    assert 200 <= lengths[-1] <= 700


@pytest.mark.spec("OPS-71", "OPS-77")
async def test_every_key_begins_with_the_prefix_and_expires(join: Join, own_server: RedisServer) -> None:
    one, _ = await join(own_server.url, prefix="mine")
    two, ears = await join(own_server.url, prefix="mine")
    await one.publish(CHANNEL, b"", b"1", Retention(events=3, ttl=0))
    await one.publish("/chat/b", b"", b"1", Retention(events=3))
    await eventually(lambda: one.nodes)
    await one.send(two.node.id, b"")
    await one.sessions.create("x", one.node.id, b"", 60)
    await one.sessions.write_checkpoint(one.node.id, b"", 60)
    await eventually(lambda: ears.messages)
    found = own_server.ask("KEYS", "*")
    assert found
    assert all(key.startswith("mine:1:") for key in found)
    assert [key for key in found if own_server.ask("PTTL", key) == -1] == []


@pytest.mark.spec("CLU-1")
@pytest.mark.parametrize("_", range(5))
async def test_each_knows_the_other_before_his_first_message_comes(join: Join, server: RedisServer, _: int) -> None:
    one, _ears = await join(server.url)
    seen: list[str] = []

    class Listening(Ears):
        def node_joined(self, node: NodeInfo) -> None:
            seen.append(f"joined {node.id}")

        def addressed(self, sender: str, message: bytes) -> None:
            seen.append(f"message {sender}")

    one._receiver = Listening()
    two, _ears = await join(server.url)
    await eventually(lambda: one.node in two.nodes)
    await two.send(one.node.id, b"first")
    await eventually(lambda: len(seen) == 2)
    assert seen == [f"joined {two.node.id}", f"message {two.node.id}"]


@pytest.mark.expected_logs("several nodes are called twin")
@pytest.mark.spec("CLU-2")
async def test_two_nodes_of_one_name_are_warned_of_and_both_known(join: Join, server: RedisServer) -> None:
    lease = Lease(lasts=0.5, renewed=0.1)
    one, ears = await join(server.url, lease=lease)
    twins = [await join(server.url, lease=lease, name="twin") for _ in range(2)]
    await eventually(lambda: {node.id for node in one.nodes} == {twin.node.id for twin, _ in twins})
    told = [what for _, what in ears.company]
    await asyncio.sleep(0.5)  # five looks, in each of which one might take the other's place
    assert [what for _, what in ears.company] == told


@pytest.mark.spec("OPS-72", "OPS-74")
async def test_a_server_that_restarts_without_its_data_is_gone_on_with(join: Join, own_server: RedisServer) -> None:
    one, ears = await join(own_server.url)
    two, _ = await join(own_server.url)
    await two.publish(CHANNEL, b"", b"1")
    await eventually(lambda: ears.events and one.nodes)
    own_server.kill()
    await eventually(lambda: ears.links == [True, False])
    with pytest.raises(Unavailable):
        await two.publish(CHANNEL, b"", b"lost")
    own_server.start()
    await eventually(lambda: ears.links[-1] and two.is_connected)
    assert len(ears.gaps) == 1
    await two.publish(CHANNEL, b"", b"2")
    await eventually(lambda: ears.payloads == [b"1", b"2"])
    await two.send(one.node.id, b"hello")
    await eventually(lambda: ears.messages)
    await eventually(lambda: one.nodes and two.nodes)


@pytest.mark.spec("OPS-72", "OPS-74")
async def test_a_server_that_stood_still_loses_nothing(join: Join, own_server: RedisServer) -> None:
    timing = Timing(reply=0.5, patience=1.0, most_pause=0.3)
    one, ears = await join(own_server.url, timing=timing)
    two, _ = await join(own_server.url, timing=timing)
    accepted: list[bytes] = []

    async def publish() -> None:
        for n in itertools.count():
            await asyncio.sleep(0.02)
            try:
                await two.publish(CHANNEL, b"", b"%d" % n)
            except Unavailable:
                continue
            accepted.append(b"%d" % n)
            if len(accepted) == 60:
                return

    busily = asyncio.create_task(publish())
    await eventually(lambda: len(accepted) > 5)
    own_server.freeze()
    await asyncio.sleep(3)  # longer than any time-out: all links are dropped, and publishes refused
    own_server.thaw()
    await busily
    await eventually(lambda: accepted[-1] in ears.payloads and one.is_connected)
    assert len(ears.payloads) == len(set(ears.payloads))
    assert set(accepted) <= set(ears.payloads)
    assert not ears.gaps


@pytest.mark.spec("OPS-73", "OPS-74")
async def test_a_silent_link_is_dropped_and_what_it_swallowed_is_filled_in(join: Join, server: RedisServer) -> None:
    """What goes to Redis arrives, what comes from there does not: no connection breaks."""
    timing = Timing(reply=0.5, probe=0.3, patience=2.0, most_pause=0.3)
    async with FaultProxy(server.port) as proxy:
        deaf, ears = await join(f"redis://{HOST}:{proxy.port}", timing=timing)
        two, _ = await join(server.url)
        proxy.swallow(Way.TO_CLIENT)
        for n in range(10):
            await two.publish(CHANNEL, b"", b"%d" % n)
        await eventually(lambda: ears.links == [True, False])
        assert not ears.events
        proxy.heal()
        await eventually(lambda: ears.links[-1])
        assert ears.payloads == [b"%d" % n for n in range(10)]
        assert deaf.link.reconnects


@pytest.mark.spec("CLU-1")
async def test_a_lease_ends_for_its_node_before_it_ends_for_others(join: Join, server: RedisServer) -> None:
    one, _ = await join(server.url)
    key = one._receiving._keys.lease(one.node.id)
    clock = asyncio.get_running_loop().time
    for _ in range(20):
        left = server.ask("PTTL", key) / 1000
        assert one.lease_until - clock() < left - 2.0 * membership.MARGIN / 2
        await asyncio.sleep(0.03)  # at moments that are spread over three renewals


@pytest.mark.expected_logs("had lapsed by the clock of Redis")
@pytest.mark.spec("CLU-1", "OPS-62")
async def test_leases_that_lapse_before_their_time_let_nobody_die(join: Join, own_server: RedisServer) -> None:
    """The clock of Redis leaps: each node is without its lease for a moment, and takes no other for dead."""
    one, ears = await join(own_server.url)
    two, seen = await join(own_server.url)
    await eventually(lambda: one.nodes and two.nodes)
    keys = one._receiving._keys
    for _ in range(10):
        own_server.ask("DEL", keys.nodes, *(keys.lease(each.node.id) for each in (one, two)))
        await eventually(lambda: float("-inf") in (one.lease_until, two.lease_until))
        await eventually(lambda: min(one.lease_until, two.lease_until) > float("-inf"))
    assert [what for _, what in ears.company + seen.company] == ["joined", "joined"]


@pytest.mark.spec("CLU-1", "OPS-72")
async def test_an_outage_longer_than_leases_kills_nobody(join: Join, own_server: RedisServer) -> None:
    """Who is back first finds the leases of all others lapsed."""
    options = {"timing": Timing(reply=0.5, patience=1.0, most_pause=0.3), "lease": Lease(lasts=3.0, renewed=0.2)}
    clock = asyncio.get_running_loop().time
    async with FaultProxy(own_server.port) as proxy:
        one, ears = await join(own_server.url, **options)
        late, _ = await join(f"redis://{HOST}:{proxy.port}", **options)
        await eventually(lambda: one.nodes and late.nodes)
        own_server.kill()
        await proxy.cut()
        await asyncio.sleep(3)  # as long as leases last
        own_server.start()
        await eventually(lambda: one.is_connected and one.lease_until > clock())
        await asyncio.sleep(0.5)  # in which it looks several times who is there
        proxy.heal()
        await eventually(lambda: late.is_connected and late.lease_until > clock())
        assert [what for _, what in ears.company] == ["joined"]


@pytest.mark.expected_logs("this node has 8 partitions, the others have 4")
@pytest.mark.spec("CLU-3")
async def test_a_node_with_other_partitions_does_not_serve_until_the_others_are_gone(
    join: Join, server: RedisServer
) -> None:
    """Half of what one side publishes would never reach the other, and nobody would know."""
    one, ears = await join(server.url)
    two, _ = await join(server.url, partitions=8)
    clock = asyncio.get_running_loop().time
    assert not two.is_connected
    assert "partitions" in two.trouble
    assert two.lease_until < clock()
    assert one.is_connected
    await one.stop()
    await eventually(lambda: two.is_connected and two.lease_until > clock())
    assert not two.trouble
    assert not ears.company


@pytest.mark.spec("CLU-1")
async def test_a_node_that_died_before_the_clock_was_set_back_is_dead(join: Join, server: RedisServer) -> None:
    """By the list of those who were here lately it would be here for as long as the clock was set back."""
    one, ears = await join(server.url)
    two, _ = await join(server.url)
    await eventually(lambda: one.nodes)
    await two._link.stop()
    server.ask("ZADD", one._receiving._keys.nodes, 9_999_999_999_999, two.node.id)
    await eventually(lambda: [what for _, what in ears.company] == ["joined", "lost"])


def test_a_lease_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="renew"):
        Lease(lasts=1.0, renewed=0.8)


@pytest.mark.expected_logs("what came through the backplane was not taken")
async def test_a_receiver_that_raises_does_not_stop_what_follows(join: Join, server: RedisServer) -> None:
    one, _ = await join(server.url)
    taken: list[bytes] = []

    class Clumsy(Ears):
        def arrived(self, event: Arrived) -> None:
            taken.append(event.payload)
            raise KeyError(event.payload)

    one._receiver = Clumsy()
    for n in range(3):
        await one.publish(CHANNEL, b"", b"%d" % n)
    await eventually(lambda: taken == [b"0", b"1", b"2"])


@pytest.mark.expected_logs("the lease could not be renewed")
async def test_a_lease_that_others_spoiled_is_taken_again_when_they_leave_it_alone(
    join: Join, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Redis refuses is logged once and tried on, as the node could not serve again otherwise."""
    one, _ = await join(server.url)
    key = one._receiving._keys.lease(one.node.id)
    call = one._link.call

    async def refused(command: str, *words: Any, **settings: Any) -> Any:
        if words[0] == key and command == "SET":
            command, words = "INCR", ("bayeux-spoiled",)
        return await call(command, *words, **settings)

    server.ask("SET", "bayeux-spoiled", "no number")
    monkeypatch.setattr(one._link, "call", refused)
    until = one.lease_until
    await asyncio.sleep(0.7)  # three renewals that fail
    assert one.lease_until <= until + 0.3
    monkeypatch.undo()
    await eventually(lambda: one.lease_until > until + 0.5)


async def test_rewinding_further_than_the_store_has_come_is_a_gap(join: Join, server: RedisServer) -> None:
    """Whoever was given events that the store has lost cannot go on without a hole."""
    one, ears = await join(server.url)
    await one.publish(CHANNEL, b"", b"1")
    await eventually(lambda: ears.events)
    with pytest.raises(JournalGap):
        await one.rewind({one.partition_of(CHANNEL): ears.events[0].place + 5}, lambda event: None, lambda: None)
