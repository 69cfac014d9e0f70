"""Communication server and engine in processes of their own, which are killed; the chat side is played here."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from bayeux.backplane.redis.topology import Topology
from gateway.routing.bus.bus import GENERAL, Consumer
from gateway.routing.bus.redis_streams import RedisBus
from gateway.routing.messages import compose
from tests.docs.samples import ROOT
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import RedisServer, has_redis, redis_server

pytestmark = pytest.mark.skipif(not has_redis(), reason="there is no redis-server here")

HOME = "ChatServer.test"
PREFIX = "bayeux"


class ChatSide:
    """Says what agents and customers do; hears what becomes of it."""

    def __init__(self, bus: RedisBus, consumer: Consumer) -> None:
        self._bus = bus
        self._consumer = consumer
        self._heard: set[str] = set()

    async def say(self, *messages: tuple[str, dict[str, object]]) -> None:
        """Each by its type and body."""
        now = time.time()
        await self._bus.send(
            GENERAL,
            *(
                compose(GENERAL, kind, body, id=str(uuid.uuid4()), now=now, producer="chat-server@test", reply_to=HOME)
                for kind, body in messages
            ),
        )

    async def hear(self) -> list[tuple[str, dict[str, str]]]:
        """What comes next; what comes twice is known by its id."""
        deliveries = await self._consumer.receive()
        new = [each.message for each in deliveries if each.message.id not in self._heard]
        self._heard.update(message.id for message in new)
        await self._consumer.acknowledge(*deliveries)
        return [(message.type, json.loads(message.body)) for message in new]

    async def hear_until(self, kind: str, **fields: str) -> list[tuple[str, dict[str, str]]]:
        """All that comes up to a message that says that."""
        heard: list[tuple[str, dict[str, str]]] = []
        async with asyncio.timeout(60):
            while not any(each == kind and fields.items() <= body.items() for each, body in heard):
                heard += await self.hear()
        return heard

    async def sign_in(self, agent: str) -> None:
        """Ready for chats."""
        await self.say(
            ("Connect", {"AgentId": agent, "Password": "secret", "Extension": "", "Destination": HOME}),
            ("Login", {"AgentId": agent, "Password": "secret", "Mrd": "chat"}),
            ("AgentState", {"AgentId": agent, "State": "READY", "Mrd": "chat"}),
        )

    async def bring(self, *clients: str) -> None:
        """A task of each."""
        queue = {"queue": "Sales"}
        await self.say(*(("Task", {"Mrd": "chat", "ClientUniqueId": client, "params": queue}) for client in clients))

    async def answer(self, task: str, agent: str, state: str) -> None:
        """What an agent does with a task."""
        await self.say(("TaskState", {"AgentId": agent, "TaskId": task, "State": state}))


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def chat_side(redis: RedisServer) -> AsyncIterator[ChatSide]:
    bus = RedisBus(Topology.parse(redis.url), node="test", prefix=f"{PREFIX}:", timing=TIMING)
    await bus.open()
    consumer = await bus.consumer(HOME, f"chat-server:{HOME}", "test")
    yield ChatSide(bus, consumer)
    await consumer.close()
    await bus.close()


@asynccontextmanager
async def node(redis: RedisServer, name: str, *roles: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process; killed at the end of the block, if not before."""
    words = ["-m", "tests.support.routing_node", redis.url, PREFIX, name, *roles]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.spec("MRE-1", "MRE-4", "MRE-10", "MRE-11")
async def test_each_role_lives_in_a_process_of_its_own(redis: RedisServer, chat_side: ChatSide) -> None:
    async with node(redis, "one", "communication"), node(redis, "two", "engine"):
        await chat_side.sign_in("Agent1")
        await chat_side.bring("client-1")
        heard = await chat_side.hear_until("TaskAgentSelected", AgentId="Agent1", Status="RESERVED")
        (task,) = {body["TaskId"] for kind, body in heard if kind == "TaskAgentSelected"}
        await chat_side.answer(task, "Agent1", "ACTIVE")
        await chat_side.hear_until("TaskState", TaskId=task, State="ACTIVE")
        await chat_side.answer(task, "Agent1", "CLOSED")
        await chat_side.hear_until("TaskState", TaskId=task, State="CLOSED")


@pytest.mark.spec("MRE-120", "MRE-123", "MRE-126")
async def test_a_leader_is_killed_with_500_tasks_waiting(redis: RedisServer, chat_side: ChatSide) -> None:
    """Each task is accepted by one agent, once, and closed; the other node takes over within ten seconds."""
    clients = [f"client-{number}" for number in range(500)]
    accepted: Counter[str] = Counter()
    closed: set[str] = set()
    both = ("communication", "engine")
    async with node(redis, "one", *both) as leader:
        await chat_side.bring(clients[0])
        await chat_side.hear_until("TaskState", State="QUEUED")
        async with node(redis, "two", *both):
            await chat_side.bring(*clients[1:])
            for number in range(10):
                await chat_side.sign_in(f"Agent{number}")
            silent_since = 0.0
            async with asyncio.timeout(150):
                while len(closed) < len(clients):
                    for kind, body in await chat_side.hear():
                        if silent_since:
                            assert time.monotonic() - silent_since < 10
                            silent_since = 0.0
                        if kind == "TaskAgentSelected":
                            await chat_side.answer(body["TaskId"], body["AgentId"], "ACTIVE")
                        elif kind == "TaskState" and body["State"] == "ACTIVE":
                            accepted[body["TaskId"]] += 1
                            await chat_side.answer(body["TaskId"], body["AgentId"], "CLOSED")
                        elif kind == "TaskState" and body["State"] == "CLOSED":
                            closed.add(body["TaskId"])
                    if len(closed) > 100 and leader.returncode is None:
                        leader.kill()
                        await leader.wait()
                        silent_since = time.monotonic()
    assert len(accepted) == len(clients)
    assert set(accepted.values()) == {1}
    assert accepted.keys() == closed
