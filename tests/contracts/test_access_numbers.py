"""Access numbers with their instances, as apps get them from several nodes at the same time, on a file and on Redis."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.access.bookings import Bookings, Health
from gateway.access.dialling import Dialling
from gateway.access.pool import Pool, Strategy
from gateway.access.refusal import InstanceUnknown, NoneFree
from gateway.access.service import AccessService
from gateway.callback.options import Service
from gateway.customers.storage import Storage
from gateway.instances.access import AccessKinds
from gateway.instances.instance import Instance
from gateway.instances.instances import Instances, node_number
from gateway.instances.request import Request
from tests.support.nodes_on_redis import Store as Servers
from tests.support.stores import Ways, WaysToFile, WaysToRedis

STORES = ("sqlite", "redis")

DIALLING = Dialling()
NUMBERS = 30
GROUP = Pool(name="DNIS", numbers=[f"1-800-{n}" for n in range(NUMBERS)], strategy=Strategy.CLUSTER)
SERVICE = Service("app", "app", {"_ttl": "600", "_resource_group": "DNIS"})


@pytest.fixture
async def ways(store: Servers | None, tmp_path: Path) -> AsyncIterator[Ways]:
    made: Ways = WaysToFile(tmp_path / "store.db") if store is None else WaysToRedis(store)
    yield made
    await made.close()


class Node:
    """What one process has for access numbers."""

    def __init__(self, room: Any, name: str) -> None:
        self._draw = random.Random(name)
        self.now = time.time()  # the store's own clock counts, too
        storage = Storage(room, lambda: f"{self._draw.getrandbits(128):x}")
        self.instances = Instances(
            room,
            storage,
            node=name,
            clock=lambda: self.now,
            new_uuid=lambda: uuid.UUID(int=self._draw.getrandbits(128), version=4),
        )
        self.bookings = Bookings(room, node=name, dialling=DIALLING, below=self._draw.randrange)
        access = AccessService(self.bookings, pools=lambda: {"DNIS": GROUP}, dialling=DIALLING)
        self.kinds = AccessKinds(self.instances, storage, access, lambda id, key: f"{id}/{key}", dict)

    async def ask(self, phone: str) -> Mapping[str, Any]:
        return await self.kinds.request_interaction(SERVICE, Request(values={"_phone_number": phone, "n": phone}))


@pytest.fixture
async def nodes(ways: Ways) -> tuple[Node, Node]:
    rooms = [(await ways.open()).room("customers") for _ in range(2)]
    return Node(rooms[0], "here"), Node(rooms[1], "there")


@pytest.mark.spec("RS-4", "RS-3", "ERR-5", "G-18")
async def test_as_many_apps_as_numbers_get_one_each_and_no_more(nodes: tuple[Node, Node]) -> None:
    asked = [nodes[n % 2].ask(str(6505550000 + n)) for n in range(NUMBERS + 5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    given = [each for each in answers if not isinstance(each, BaseException)]
    assert {each["_access_number"] for each in given} == set(GROUP.numbers)
    assert len(given) == NUMBERS
    assert {type(each) for each in answers if isinstance(each, BaseException)} == {NoneFree}
    numbers = {int(each["_id"].partition("-")[0]) for each in given}
    assert numbers == {node_number("here"), node_number("there")}


@pytest.mark.spec("RS-3", "SV-7", "SV-4")
async def test_numbers_come_back_from_whichever_node_an_instance_is_ended_by(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    ids = [(await here.ask(str(n)))["_id"] for n in range(3)]
    assert await there.bookings.health(GROUP, there.now) == Health(NUMBERS, 3)
    await asyncio.gather(*(node.instances.end(id) for id in ids for node in nodes))
    assert await there.bookings.health(GROUP, there.now) == Health(NUMBERS, 0)
    for id in ids:
        with pytest.raises(InstanceUnknown):
            await here.instances.find(id, user="")


@pytest.mark.spec("SV-4", "SV-7")
async def test_the_leader_hears_of_an_instance_that_is_over(nodes: tuple[Node, Node], ways: Ways) -> None:
    """Once, though two that take themselves for the leader are told of the same deadline."""
    here, there = nodes
    heard: list[str] = []

    async def hear(instance: Instance) -> None:
        heard.append(instance.id)

    for node in nodes:
        node.instances.ended.append(hear)
    id = (await here.ask("1"))["_id"]
    room = (await ways.open()).room("customers")
    fence = await room.claim("leader", "there", 60)
    assert fence is not None
    here.now = there.now = here.now + 600
    with pytest.raises(InstanceUnknown):
        await here.instances.find(id, user="")
    (deadline,) = await room.due(here.now)
    assert deadline.name == f"instance:{id}"
    await there.instances.expire(id, fence)
    await there.instances.expire(id, fence)
    assert heard == [id]
    assert await room.due(here.now) == []
    assert await room.read(f"instance:{id}") == [None]
