"""Houses for scenarios: embedded, and of two nodes on a Redis; and the people who come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from bayeux.client.client import BayeuxClient
from tests.scenarios.house import House, Plan
from tests.scenarios.people import Agent, Customer
from tests.support.redis_server import RedisServer, redis_server


class Town:
    """A house with its people."""

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.house = house
        self._stack = stack

    async def agent(self, user: str = "Agent1", node: int = 0) -> Agent:
        """Signed in, without a session."""
        agent = await self._stack.enter_async_context(Agent(self.house.nodes[node].origin, user))
        return await agent.sign_in()

    async def desk(self, user: str = "Agent1", *ready: str, node: int = 0, watch: tuple[str, ...] = ()) -> Agent:
        """With a session, watching, and Ready on these."""
        agent = await self.agent(user, node)
        await agent.start()
        await agent.watch(*watch)
        await agent.ready(*ready)
        return agent

    async def customer(self, nickname: str = "Customer", node: int = 0) -> Customer:
        """At the door."""
        client = BayeuxClient(f"{self.house.nodes[node].origin}/cometd")
        return Customer(await self._stack.enter_async_context(client), nickname)


@pytest.fixture(scope="session")
def redis_of_houses() -> Iterator[RedisServer]:
    """One for all tests, emptied between them."""
    with redis_server() as server:
        yield server


OpenTown = Callable[..., Awaitable[Town]]


@pytest.fixture
async def open_town(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[OpenTown]:
    """Opens a house as planned: embedded, or with so many nodes on Redis."""
    async with AsyncExitStack() as stack:
        houses: list[House] = []

        async def opened(plan: Plan | None = None, *, nodes: int = 0) -> Town:
            redis = ""
            if nodes:
                server: RedisServer = request.getfixturevalue("redis_of_houses")
                server.ask("FLUSHALL")
                redis = server.url
            house = House(tmp_path, plan or Plan(), nodes=nodes or 1, redis=redis)
            houses.append(house)
            await house.open()
            return Town(house, stack)

        try:
            yield opened
            await stack.aclose()
        finally:
            AsyncHTTPClient().close()
            for house in houses:
                house.close()


@pytest.fixture(params=[0, 2], ids=["embedded", "two-nodes"])
def nodes(request: pytest.FixtureRequest) -> int:
    """0: one node with a file."""
    count: int = request.param
    return count
