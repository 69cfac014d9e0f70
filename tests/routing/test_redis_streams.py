"""What only the bus on Redis Streams does, seen by another program on the same Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bayeux.backplane.redis.topology import Topology
from bayeux.protocol.errors import Unavailable
from gateway.routing.bus import redis_streams
from gateway.routing.bus.bus import GENERAL, BusMessage
from gateway.routing.bus.redis_streams import RedisBus
from tests.support.buses import ids, nothing_more, received
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import RedisServer, has_redis, redis_server

pytestmark = pytest.mark.skipif(not has_redis(), reason="there is no redis-server here")

SAMPLES = Path(__file__).parent.parent / "samples" / "mre"
STREAM, DEAD, GROUP = "{mre}:q:General", "{mre}:dlq:General", "comm-server"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def bus(server: RedisServer) -> AsyncIterator[RedisBus]:
    server.ask("FLUSHALL")
    bus = RedisBus(Topology.parse(server.url), node="one", timing=TIMING, retain=0.0)
    await bus.open()
    yield bus
    await bus.close()


def message(number: int) -> BusMessage:
    return BusMessage(type="AgentState", body=b"{}", id=f"id-{number}", key="agent:Agent1")


def fields(entry: list[str]) -> dict[str, str]:
    return dict(zip(entry[::2], entry[1::2], strict=True))


@pytest.mark.spec("MRE-140")
async def test_an_entry_is_what_other_programs_expect(server: RedisServer, bus: RedisBus) -> None:
    expected = json.loads((SAMPLES / "ext" / "stream-entry.json").read_text("utf-8"))
    sent = BusMessage(
        type="Login",
        body=expected["body"].encode(),
        id=expected["id"],
        key="agent:Agent1",
        reply_to="ChatServer.node1",
        producer="chat-server@node1",
        time="2026-01-15T09:29:58.000Z",
    )
    await bus.send(GENERAL, sent)
    ((_, entry),) = server.ask("XRANGE", STREAM, "-", "+")
    assert fields(entry) == expected


@pytest.mark.spec("MRE-12", "MRE-140")
async def test_an_entry_of_another_program_is_read_whatever_it_leaves_out(server: RedisServer, bus: RedisBus) -> None:
    entry = server.ask("XADD", STREAM, "*", "type", "Login", "body", "{}", "exp", "4102444800125")
    server.ask("XADD", STREAM, "*", "exp", "soon", "more", "words")
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    first, second = await received(consumer, 2)
    assert first.message == BusMessage(type="Login", body=b"{}", id=entry, key="", expires=4102444800.125)
    assert (second.message.type, second.message.body, second.message.expires) == ("", b"", None)
    await consumer.close()


@pytest.mark.spec("MRE-116", "MRE-125", "MRE-142")
async def test_a_dead_letter_says_why_and_is_there_once(server: RedisServer, bus: RedisBus) -> None:
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    await bus.send(GENERAL, BusMessage(type="Login", body=b'{"Password":"s3cret"}', id="id-1", key="agent:Agent1"))
    (delivery,) = await received(consumer, 1)
    await consumer.bury(delivery, "a reason")
    await consumer.bury(delivery, "a reason")
    ((_, entry),) = server.ask("XRANGE", DEAD, "-", "+")
    letter = fields(entry)
    assert (letter["id"], letter["reason"], letter["tries"]) == ("id-1", "a reason", "1")
    assert letter["body"] == '{"Password":"***"}'
    assert int(letter["first"]) <= int(letter["last"])
    await consumer.close()


@pytest.mark.spec("MRE-125", "MRE-142")
async def test_each_time_it_is_given_counts(bus: RedisBus) -> None:
    await bus.send(GENERAL, message(1))
    for tries in range(1, 7):
        consumer = await bus.consumer(GENERAL, GROUP, f"node-{tries}")
        (delivery,) = await received(consumer, 1)
        assert delivery.tries == tries
        await consumer.close()


@pytest.mark.spec("MRE-142", "MRE-143")
async def test_what_a_former_reader_still_takes_is_found(bus: RedisBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_streams, "IDLE", 0.2)
    monkeypatch.setattr(redis_streams, "LOOK", 0.1)
    monkeypatch.setattr(redis_streams, "WAITING", 0.1)
    former = await bus.consumer(GENERAL, GROUP, "former")
    taking = asyncio.create_task(received(former, 1))
    successor = await bus.consumer(GENERAL, GROUP, "successor")
    assert await nothing_more(successor)
    await bus.send(GENERAL, message(1))
    await taking
    assert ids(await received(successor, 1)) == ["id-1"]
    await former.close()
    await successor.close()


@pytest.mark.spec("MRE-143")
async def test_a_group_with_several_readers_would_not_keep_order(server: RedisServer, bus: RedisBus) -> None:
    """Two messages of one key go to two consumers; nothing keeps the second from being handled first."""
    await (await bus.consumer(GENERAL, GROUP, "one")).close()
    await bus.send(GENERAL, message(1), message(2))
    given = [
        server.ask("XREADGROUP", "GROUP", GROUP, name, "COUNT", 1, "STREAMS", STREAM, ">") for name in ("one", "two")
    ]
    keys = [fields(streams[0][1][0][1])["key"] for streams in given]
    assert keys == ["agent:Agent1", "agent:Agent1"]


@pytest.mark.spec("MRE-144")
async def test_only_what_all_groups_have_acknowledged_is_trimmed(
    server: RedisServer, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_streams, "TRIMMED", 0.0)
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    await bus.send(GENERAL, *(message(number) for number in range(4)))
    first, *others = await received(consumer, 4)
    await consumer.acknowledge(*others)
    assert server.ask("XLEN", STREAM) == 4
    server.ask("XGROUP", "CREATE", STREAM, "theirs", "0")
    await consumer.acknowledge(first)
    assert server.ask("XLEN", STREAM) == 4
    server.ask("XREADGROUP", "GROUP", "theirs", "one", "NOACK", "STREAMS", STREAM, ">")
    await bus.send(GENERAL, message(5))
    await consumer.acknowledge(*await received(consumer, 1))
    left = [fields(entry)["id"] for _, entry in server.ask("XRANGE", STREAM, "-", "+")]
    assert left == ["id-3", "id-5"], "of which a group has read the first, and nobody knows whether it needs it"
    await consumer.close()


@pytest.mark.spec("MRE-144")
async def test_what_was_acknowledged_stays_for_its_time(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, bus: RedisBus
) -> None:
    monkeypatch.setattr(redis_streams, "TRIMMED", 0.0)
    patient = RedisBus(Topology.parse(server.url), node="two", timing=TIMING, retain=60.0)
    await patient.open()
    consumer = await patient.consumer(GENERAL, GROUP, "two")
    await patient.send(GENERAL, message(1), message(2))
    await consumer.acknowledge(*await received(consumer, 2))
    assert server.ask("XLEN", STREAM) == 2
    await consumer.close()
    await patient.close()


@pytest.mark.spec("MRE-128", "MRE-144")
async def test_what_is_only_retained_does_not_fill_a_queue(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.ask("FLUSHALL")
    monkeypatch.setattr(redis_streams, "TRIMMED", 0.0)
    monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 4)
    bus = RedisBus(Topology.parse(server.url), node="one", timing=TIMING)
    await bus.open()
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    for number in range(10):
        await bus.send(GENERAL, message(number))
        await consumer.acknowledge(*await received(consumer, 1))
    await consumer.close()
    await bus.close()


@pytest.mark.spec("MRE-128")
async def test_a_full_queue_refuses_all_of_what_is_sent(
    server: RedisServer, bus: RedisBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_streams, "MAX_ENTRIES", 2)
    await bus.send(GENERAL, message(1), message(2))
    with pytest.raises(Unavailable, match="General is full"):
        await bus.send(GENERAL, message(3), message(4))
    assert server.ask("XLEN", STREAM) == 2


async def test_a_redis_that_has_lost_all_is_begun_with_anew(server: RedisServer, bus: RedisBus) -> None:
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    await bus.send(GENERAL, message(1))
    await received(consumer, 1)
    server.ask("FLUSHALL")
    with pytest.raises(Unavailable):
        await asyncio.wait_for(consumer.receive(), 10)
    await consumer.close()
    await bus.send(GENERAL, message(2))
    consumer = await bus.consumer(GENERAL, GROUP, "one")
    assert ids(await received(consumer, 1)) == ["id-2"]
    await consumer.close()
