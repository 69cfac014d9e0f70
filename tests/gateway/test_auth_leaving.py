"""The end of a sign-in, on all nodes; and Bayeux requests that have to show the token of their sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from bayeux.backplane.hub import MemoryHub
from bayeux.protocol.options import Options
from bayeux.server.transport import Context
from gateway.auth.agents import Agents, Credentials
from gateway.auth.http_sessions import COOKIE
from gateway.auth.shared_sessions import SharedSessions
from gateway.config.model import Auth
from tests.support.nodes import Ears


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def nodes(clock: Clock) -> AsyncIterator[list[Agents]]:
    """Two nodes that share their sign-ins."""
    hub = MemoryHub()
    ways = [hub.node(name) for name in ("one", "two")]
    made = []
    for way in ways:
        await way.start(Ears())
        agents = Agents(Auth(), clock=clock)
        agents.shared = SharedSessions(agents.http_sessions, way.sessions, way.node.id)
        made.append(agents)
    yield made
    for agents, way in zip(made, ways, strict=True):
        agents.close()
        await way.stop()


async def who(agents: Agents, cookie: str) -> str | None:
    found = agents.who(Credentials(authorization="", cookie=cookie, peer="127.0.0.1", is_secure=False))
    return await found if isinstance(found, Awaitable) else found


@pytest.mark.spec("AG-26", "SEC-37")
async def test_who_left_is_known_nowhere(nodes: list[Agents], clock: Clock) -> None:
    """A node that has known him learns it when it next says that he is there."""
    one, two = nodes
    cookie, session = await one.enter("Agent1")
    assert await who(two, cookie) == "Agent1"
    await one.leave(session)
    assert await who(one, cookie) is None
    clock.now = 61  # a thirtieth of the time for which a sign-in may be idle
    async with asyncio.timeout(60):
        while await who(two, cookie) is not None:  # noqa: ASYNC110 - it asks the store by itself
            await asyncio.sleep(0.01)


@pytest.mark.spec("AG-26")
async def test_leaving_twice_is_leaving_once(nodes: list[Agents]) -> None:
    cookie, session = await nodes[0].enter("Agent1")
    await nodes[0].leave(session)
    await nodes[0].leave(session)
    assert await who(nodes[1], cookie) is None


@pytest.mark.spec("AG-13")
@pytest.mark.parametrize(
    ("guards", "shows", "expected"), [(False, False, True), (True, False, False), (True, True, True)]
)
async def test_bayeux_requests_show_the_token_where_that_is_configured(
    guards: bool, shows: bool, expected: bool
) -> None:
    agents = Agents(Auth(), guards_bayeux=guards)
    cookie, session = await agents.enter("Agent1")
    headers = {"x-csrf-token": session.csrf_token} if shows else {}
    found = agents.identify(
        Context(transport="long-polling", options=Options(), headers=headers, cookies={COOKIE: cookie})
    )
    user = await found if isinstance(found, Awaitable) else found
    assert user == ("Agent1" if expected else None)
    agents.close()
