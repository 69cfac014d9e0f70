"""Customers whose sessions live on several nodes, over the two ways that nodes are joined and keep things."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from bayeux.backplane.backplane import NodeInfo
from bayeux.backplane.hub import MemoryBackplane, MemoryHub
from bayeux.backplane.redis.backplane import RedisBackplane
from bayeux.backplane.redis.membership import Lease
from bayeux.extensions.ack import Acknowledge
from bayeux.server.cluster.cluster import Cluster
from bayeux.server.server import BayeuxServer
from channels.private import CUSTOMER
from gateway.auth.customers import bayeux_user
from gateway.push import reader
from gateway.store.redis import RedisStore
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Store
from tests.cluster.nodes import Client, until
from tests.push.customers import OPTIONS, Node, heard, heard_ids, make
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import has_redis, redis_server

pytestmark = pytest.mark.expected_logs("without its lease", "serves again")
_PREFIXES = count()
LEASE = Lease(lasts=2.0, renewed=0.15)
SOON = 60  # milliseconds that a connect is held at most
NAMES = ("long-polling", "websocket")


@dataclass
class Place:
    """A node, and how it dies."""

    node: Node
    die: Callable[[], Awaitable[None]]

    async def listener(self, user: str, name: str = "long-polling", *, ack: bool = False) -> Client:
        client = Client(self.node.server, name, user=bayeux_user(user))
        return await client.begin(CUSTOMER, ack=ack)


def known(place: Place) -> Sequence[NodeInfo]:
    cluster = place.node.server.cluster
    assert cluster is not None
    return cluster.nodes


Open = Callable[[], Awaitable[Place]]


@pytest.fixture(params=["memory", "redis"])
async def open_node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """One more node, on the same store as the others."""
    async with AsyncExitStack() as stack:
        if request.param == "redis":
            if not has_redis():
                pytest.skip("there is no redis-server here")
            url = stack.enter_context(redis_server()).url
            prefix = f"push-{next(_PREFIXES)}"

            def joined() -> tuple[MemoryBackplane | RedisBackplane, Store, Callable[[], float]]:
                backplane = RedisBackplane(url, prefix=prefix, partitions=8, lease=LEASE, look=0.5, timing=TIMING)
                return backplane, RedisStore(url, node="n", prefix=prefix, timing=TIMING), time.monotonic
        else:
            hub = MemoryHub(lease=1.0)

            def joined() -> tuple[MemoryBackplane | RedisBackplane, Store, Callable[[], float]]:
                return hub.node(), SqliteStore(tmp_path / "store.db"), hub.clock

        nodes: list[Place] = []

        async def opened() -> Place:
            backplane, store, clock = joined()
            server = BayeuxServer(OPTIONS, clock=clock)
            server.extensions.append(Acknowledge())
            Cluster(server, backplane)
            await store.open()
            stack.push_async_callback(store.close)
            node = make(server, time.time, store)
            await server.start()
            stack.push_async_callback(server.stop, 0.2)
            running = asyncio.create_task(node.reader.run())
            stack.callback(running.cancel)
            if request.param == "memory":
                hub.notice()

            async def die() -> None:
                """Without a word, as by a kill."""
                running.cancel()
                if isinstance(backplane, RedisBackplane):
                    backplane._receiver = None
                    await backplane._link.stop()
                else:
                    backplane.kill()
                nodes.remove(place)
                await until(lambda: all(len(known(each)) == len(nodes) - 1 for each in nodes))

            place = Place(node, die)
            nodes.append(place)
            await until(lambda: all(len(known(each)) == len(nodes) - 1 for each in nodes))
            return place

        yield opened


async def hears(client: Client, *messages: object, ack: int | None = None) -> None:
    """It connects until it was given all of these, and nothing else."""
    async with asyncio.timeout(60):
        while len(heard(client)) < len(messages):
            await client.poll(ack=ack, timeout=SOON)
    assert heard(client) == list(messages)


async def taken(place: Place, user: str) -> None:
    async with asyncio.timeout(60):
        while await place.node.waiting(user):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@pytest.mark.spec("PN-1", "SEC-44")
@pytest.mark.parametrize("name", NAMES)
async def test_nobody_hears_what_is_for_others(open_node: Open, name: str) -> None:
    chance, users = random.Random(1), [f"user{number}" for number in range(10)]
    here, there = await open_node(), await open_node()
    clients = {user: [await place.listener(user, name) for place in (here, there)] for user in users}
    for _ in range(100):
        user = chance.choice(users)
        place = chance.choice((here, there))
        await place.node.tell(user, user)
    for user, both in clients.items():
        for client in both:
            for _ in range(300):
                await client.poll(timeout=SOON)
                if not await here.node.waiting(user):
                    break
            assert set(heard(client)) <= {user}
    assert {user for user, both in clients.items() for client in both for _ in heard(client)} == set(users)


@pytest.mark.spec("CM-21", "PN-9")
async def test_a_nudge_wakes_the_other_node(open_node: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would not look for an hour."""
    monkeypatch.setattr(reader, "LOOK", 3600.0)
    here, there = await open_node(), await open_node()
    alice = await there.listener("alice")
    transport = alice.connect()
    await here.node.tell("alice", 1)
    await until(lambda: transport.sent)
    assert heard(alice) == [1]
    await alice.poll(timeout=SOON)
    await taken(here, "alice")


@pytest.mark.spec("CM-21")
async def test_sessions_on_two_nodes_are_given_the_same(open_node: Open) -> None:
    here, there = await open_node(), await open_node()
    phone, tablet = await here.listener("alice"), await there.listener("alice", "websocket")
    for number in range(10):
        await (here, there)[number % 2].node.tell("alice", number)
    await hears(phone, *range(10))
    await hears(tablet, *range(10))
    assert heard_ids(phone) == heard_ids(tablet)


@pytest.mark.spec("PN-7", "CX-5")
async def test_a_session_on_another_node_is_given_what_the_first_had_not_proven(open_node: Open) -> None:
    here, there = await open_node(), await open_node()
    first = await here.listener("alice")
    await here.node.tell("alice", 1)
    await hears(first, 1)
    await here.node.tell("alice", 2)
    await hears(first, 1, 2)  # proves the first
    await taken_of(here, "alice", 1)
    await first.ask_for("/meta/disconnect")
    second = await there.listener("alice")
    await hears(second, 2)
    assert heard_ids(second) == heard_ids(first)[1:]


async def taken_of(place: Place, user: str, count: int) -> None:
    async with asyncio.timeout(60):
        while len(await place.node.waiting(user)) > count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@pytest.mark.spec("CX-5", "PN-2")
async def test_a_node_that_dies_with_what_it_gave_costs_nothing(open_node: Open) -> None:
    """Between giving and knowing that it arrived: it comes again, under the same id."""
    here, there = await open_node(), await open_node()
    first = await here.listener("alice")
    await here.node.tell("alice", 1)
    await hears(first, 1)
    await here.die()
    second = await there.listener("alice")
    await hears(second, 1)
    assert heard_ids(second) == heard_ids(first)
    await second.poll(timeout=SOON)
    await taken(there, "alice")


@pytest.mark.spec("OPS-42", "CX-5")
@pytest.mark.parametrize("ack", [False, True])
async def test_a_session_whose_node_dies_is_given_all_it_had_not_proven(open_node: Open, ack: bool) -> None:
    here, there = await open_node(), await open_node()
    alice = await here.listener("alice", ack=ack)
    await here.node.tell("alice", 1)
    await hears(alice, 1, ack=0 if ack else None)
    await here.die()
    await there.node.tell("alice", 2)
    alice.at(there.node.server)
    async with asyncio.timeout(60):
        while 2 not in heard(alice):
            reply = await alice.poll(ack=0 if ack else None, timeout=SOON)
            if str(reply.get("error")).startswith("402"):
                await alice.begin(CUSTOMER, ack=ack)
    assert list(dict.fromkeys(heard(alice))) == [1, 2]
    assert heard(alice) == sorted(heard(alice))
    assert len(set(heard_ids(alice))) == 2


@pytest.mark.spec("OPS-42", "CM-16")
@pytest.mark.parametrize("ack", [False, True])
async def test_a_session_that_moves_goes_on_where_it_was(open_node: Open, ack: bool) -> None:
    """Its socket breaks, and it opens one to another node: that takes the session over from the first."""
    here, there = await open_node(), await open_node()
    alice = await here.listener("alice", "websocket", ack=ack)
    await here.node.tell("alice", 1)
    await hears(alice, 1, ack=0 if ack else None)
    alice.lose_connection()
    await here.node.tell("alice", 2)
    alice.at(there.node.server)
    async with asyncio.timeout(60):
        while 2 not in heard(alice):
            await alice.poll(ack=1 if ack else None, timeout=SOON)
    assert alice.session.server is there.node.server
    await there.node.tell("alice", 3)
    async with asyncio.timeout(60):
        while 3 not in heard(alice):
            await alice.poll(ack=3 if ack else None, timeout=SOON)
    assert list(dict.fromkeys(heard(alice))) == [1, 2, 3]
    assert len(set(heard_ids(alice))) == 3
