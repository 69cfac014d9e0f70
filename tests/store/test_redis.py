"""Rooms in Redis while servers and the way to them fail: what is committed happens once, wherever its slot goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.crc import key_slot

from bayeux.backplane.redis.timing import Timing
from bayeux.protocol.errors import Unavailable
from bayeux.testing.fault_proxy import FaultProxy
from bayeux.testing.faults import Way
from gateway.store.redis import RedisRoom, RedisStore
from gateway.store.store import Changes, Document, LeaseLost, Outgoing, Write
from tests.support.nodes import eventually
from tests.support.redis_server import HOST, RedisServer, has_redis, redis_cluster, redis_server

QUICK = Timing(reply=0.5, probe=0.5, patience=2.0, look=0.5, most_pause=0.3)

pytestmark = [
    pytest.mark.skipif(not has_redis(), reason="there is no redis-server here"),
    pytest.mark.expected_logs("WARNING bayeux.backplane.redis.link: redis"),
]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(server.port) as between:
        yield between


@asynccontextmanager
async def room_at(url: str) -> AsyncIterator[RedisRoom]:
    store = RedisStore(url, node="node", timing=QUICK)
    await store.open()
    try:
        yield store.room("contact")
    finally:
        await store.close()


async def count_up(room: RedisRoom, key: str, until: Callable[[], bool]) -> tuple[int, int]:
    """Commit one after the other; how many were answered, and of how many the outcome was unknown.

    Nobody else writes there: any refusal would be one of a commit that came twice.
    """
    answered = unknown = 0
    version = 0
    while not until():
        n = answered + unknown + 1
        try:
            await room.commit(
                Changes(writes=[Write(key, {"n": n}, version)], outgoing=[Outgoing(f"{key} {n}", key, {"n": n})])
            )
        except Unavailable:
            unknown += 1
            version = await known_version(room, key)
        else:
            answered += 1
            version += 1
    return answered, unknown


async def known_version(room: RedisRoom, key: str) -> int:
    """As soon as it can be read."""
    while True:
        try:
            (found,) = await room.read(key)
        except Unavailable:
            await asyncio.sleep(0.05)
            continue
        return found.version if found is not None else 0


async def everything_counted_once(room: RedisRoom, key: str, answered: int, unknown: int) -> None:
    (found,) = await room.read(key)
    assert found is not None
    assert answered <= found.version <= answered + unknown
    outbox = [message.body["n"] for message in await room.outbox(key, limit=100_000)]
    assert len(outbox) == found.version
    assert outbox == sorted(set(outbox))


@pytest.mark.spec("OPS-72", "MRE-120")
async def test_commits_whose_answers_are_lost_happen_once(proxy: FaultProxy) -> None:
    """They are sent again on the next connection, and their marks tell that they were done."""
    async with room_at(f"redis://{HOST}:{proxy.port}") as room:
        chance, is_over = random.Random(0), False
        counting = [asyncio.create_task(count_up(room, key, lambda: is_over)) for key in ("a", "b", "c")]
        for _ in range(6):
            proxy.swallow(Way.TO_CLIENT)
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            await proxy.cut()
            proxy.heal()
            await asyncio.sleep(chance.uniform(0.2, 0.6))
        is_over = True
        for key, task in zip("abc", counting, strict=True):
            answered, unknown = await task
            assert answered > 10
            await everything_counted_once(room, key, answered, unknown)


@pytest.mark.spec("MRE-120")
async def test_a_commit_with_fence_and_taken_that_comes_twice_is_answered_once(proxy: FaultProxy) -> None:
    """The second time the lease may be lost, and what it takes is taken: by itself."""
    async with room_at(f"redis://{HOST}:{proxy.port}") as room, room_at(f"redis://{HOST}:{proxy.target}") as other:
        fence = await room.claim("role", "a", 60.0)
        assert fence is not None
        await other.commit(Changes(writes=[Write("before", {}, 0)]))
        await other.commit(Changes(writes=[Write("before", None, 1)]))
        proxy.swallow(Way.TO_CLIENT)
        changes = Changes(writes=[Write("one", {}, 0)], deadlines={"bell": 1.0}, taken="message", fence=fence)
        commit = asyncio.create_task(room.commit(changes))

        async def is_done() -> bool:
            return bool(await other.due(1.0))

        await eventually(is_done)
        await other.release(fence)
        await other.commit(Changes(writes=[Write("one", {"more": True}, 2)]))
        await proxy.cut()
        proxy.heal()
        assert await commit == {"one": 2}
        with pytest.raises(LeaseLost):
            await room.commit(Changes(taken="message", fence=fence))


@pytest.mark.spec("OPS-72")
async def test_a_server_that_is_away_is_told_and_looked_for(server: RedisServer) -> None:
    """Also at the start: opening does not fail."""
    server.kill()
    store = RedisStore(server.url, node="node", timing=QUICK)
    await store.open()
    room = store.room("contact")
    assert f"{HOST}:{server.port} cannot be reached" in store.trouble
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: room.commit(Changes()),
        lambda: room.read("one"),
        lambda: room.page("all"),
        lambda: room.count("all"),
        lambda: room.due(1.0),
        room.next_deadline,
        lambda: room.outbox("bus"),
        lambda: room.claim("role", "a", 1.0),
    ]
    for ask in asked:
        with pytest.raises(Unavailable):
            await ask()
    server.start()
    await eventually(lambda: not store.trouble)
    await room.commit(Changes(writes=[Write("one", {}, 0)]))
    await store.close()
    with pytest.raises(Unavailable):
        await room.read("one")


@pytest.mark.spec("OPS-70")
async def test_a_slot_that_moves_takes_its_room_along() -> None:
    """To and fro while commits go on: each happens once, as a whole."""
    with redis_cluster() as cluster:
        async with room_at(cluster.url) as room:
            is_over = False
            counting = asyncio.create_task(count_up(room, "one", lambda: is_over))
            slot = key_slot(b"{bayeux:contact}")
            for target in [*cluster.masters, cluster.masters[0]]:
                if target is not cluster.owner(slot):
                    await asyncio.to_thread(cluster.move, slot, target)
                await eventually(lambda: not counting.done())
                await asyncio.sleep(0.2)
            is_over = True
            answered, unknown = await counting
            assert answered > 10
            await everything_counted_once(room, "one", answered, unknown)


@pytest.mark.spec("MRE-123")
async def test_a_fence_is_above_all_former_ones_also_after_everything_was_lost(server: RedisServer) -> None:
    """Who held the lease before cannot take the next one's number for his own."""
    async with room_at(server.url) as room:
        former = await room.claim("role", "a", 60.0)
        assert former is not None
        server.ask("FLUSHALL")
        next_one = await room.claim("role", "b", 60.0)
        assert next_one is not None
        assert next_one.number > former.number
        with pytest.raises(LeaseLost):
            await room.commit(Changes(fence=former))


async def test_very_many_documents_may_end_at_once(server: RedisServer) -> None:
    """No call has to forget all of them."""
    async with room_at(server.url) as room:
        for part in range(5):
            writes = [Write(f"{part} {n}", {}, 0, {"all": n}, ttl=0.001) for n in range(1000)]
            await room.commit(Changes(writes=writes))

        async def are_gone() -> bool:
            return await room.count("all") == 0

        await eventually(are_gone)
        assert server.ask("HLEN", "bayeux:1:store:{bayeux:contact}:documents") == 0
        assert server.ask("ZCARD", "bayeux:1:store:{bayeux:contact}:expiring") == 0


async def test_what_goes_leaves_nothing_behind(server: RedisServer) -> None:
    """A room that was emptied has but what remembers: leases, numbers and what was taken."""
    async with room_at(server.url) as room:
        fence = await room.claim("role", "a", 60.0)
        await room.commit(
            Changes(
                writes=[Write("one", {}, 0, {"all": 1.0}, ttl=60.0)],
                deadlines={"bell": 1.0},
                outgoing=[Outgoing("id", "bus", {})],
                taken="message",
                fence=fence,
            )
        )
        assert await room.read("one") == [Document("one", 1, {})]
        await room.commit(Changes(writes=[Write("one", None, 1)], deadlines={"bell": None}, sent=["id"]))
        kinds = {key.split("}:")[1].split(":")[0] for key in server.ask("KEYS", "*")}
        assert kinds == {"leases", "number", "highest", "taken", "mark"}
        lasting = [key for key in server.ask("KEYS", "*") if server.ask("PTTL", key) == -1]
        assert {key.split("}:")[1] for key in lasting} == {"leases", "number", "highest"}


@pytest.mark.parametrize("url", ["http://somewhere", "redis://one,two"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"must begin with|several servers"):
        RedisStore(url, node="node")
