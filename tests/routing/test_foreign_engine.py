"""The engine of the documentation, a program of its own, in the place of ours."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bayeux.backplane.redis.topology import Topology
from gateway.routing.bus.bus import COMMUNICATION_SERVER, ROUTING_ENGINE, BusMessage, Consumer
from gateway.routing.bus.redis_streams import RedisBus
from tests.docs.samples import program
from tests.support.buses import eventually, received
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import RedisServer, has_redis, redis_server

QUEUE = "bayeux:{mre}:q:RoutingEngine"

pytestmark = pytest.mark.skipif(not has_redis(), reason="there is no redis-server here")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def bus(redis: RedisServer) -> AsyncIterator[RedisBus]:
    bus = RedisBus(Topology.parse(redis.url), node="one", prefix="bayeux:", timing=TIMING)
    await bus.open()
    yield bus
    await bus.close()


@asynccontextmanager
async def engine(folder: Path, url: str) -> AsyncIterator[None]:
    """The program; it dies at the end of the block."""
    path = folder / "engine.py"
    path.write_text(program("docs/howto/own-routing-engine.md", "engine.py"), "utf-8")
    process = await asyncio.create_subprocess_exec(sys.executable, str(path), url)
    try:
        yield
        assert process.returncode is None, "the engine has ended"
    finally:
        process.kill()
        await process.wait()


def told(number: int, kind: str, **body: str) -> BusMessage:
    return BusMessage(type=kind, body=json.dumps(body).encode(), id=f"id-{number}", key=f"key-{number}")


async def answer(consumer: Consumer) -> tuple[str, str, str]:
    """The next: its task, its agent, and what it answers."""
    (delivery,) = await received(consumer, 1)
    await consumer.acknowledge(delivery)
    assert delivery.message.type == "TaskAgentSelected"
    assert delivery.message.producer == "mre@engine-1"
    body = json.loads(delivery.message.body)
    assert body["Status"] == "RESERVED"
    return body["TaskId"], body["AgentId"], delivery.message.correlation


@pytest.mark.spec("MRE-2", "MRE-140", "MRE-141")
async def test_it_selects_agents_in_place_of_ours(redis: RedisServer, bus: RedisBus, tmp_path: Path) -> None:
    answers = await bus.consumer(COMMUNICATION_SERVER, "comm-server", "one")
    async with engine(tmp_path, redis.url):
        await bus.send(
            ROUTING_ENGINE,
            told(1, "AgentState", AgentId="Agent1", MRD="chat", State="READY"),
            told(2, "AgentState", AgentId="Agent2", MRD="chat", State="READY"),
            told(3, "NewTask", TaskId="task-1", MRD="chat"),
            told(3, "NewTask", TaskId="task-1", MRD="chat"),
        )
        assert await answer(answers) == ("task-1", "Agent1", "id-3")
        await bus.send(
            ROUTING_ENGINE, told(4, "TaskState", TaskId="task-1", AgentId="Agent1", MRD="chat", State="QUEUED")
        )
        assert await answer(answers) == ("task-1", "Agent2", "id-4")
        await eventually(lambda: redis.ask("XPENDING", QUEUE, "mre")[0] == 0)  # else the next one is given it again
    await bus.send(ROUTING_ENGINE, told(5, "NewTask", TaskId="task-2", MRD="chat"))
    async with engine(tmp_path, redis.url):
        await bus.send(ROUTING_ENGINE, told(6, "AgentState", AgentId="Agent3", MRD="chat", State="READY"))
        assert await answer(answers) == ("task-2", "Agent3", "id-6")
    await answers.close()
