"""What every router promises: places and agents for callbacks, however often they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.callback.events import AgentConnected, AgentReserved, News
from gateway.callback.threshold import QueueReport
from gateway.callbacks.desks import Desks
from gateway.callbacks.router import Listener, Nowhere, QueueUnknown, Router
from gateway.callbacks.sight import place_of
from gateway.callbacks.switch import Switch
from tests.agents.office import NOON, Office
from tests.callbacks.queues import Queues

QUEUE = "SimpleChatInQueue"


@dataclass
class Heard:
    """What was told of callbacks; what was told before is not told again."""

    news: list[tuple[str, str]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    async def __call__(self, id: str, news: News, /, *, once: str = "") -> None:
        if not once or once not in self.known:
            self.known.add(once)
            self.news.append((id, type(news).__name__))


@dataclass(frozen=True)
class Opening:
    nickname: str = "Carla"
    user_data: Mapping[str, Any] = field(default_factory=dict)


async def chat_of(id: str) -> Opening:
    return Opening()


@asynccontextmanager
async def queues(tmp_path: Path, listener: Listener) -> AsyncIterator[Router]:
    yield Queues(names={QUEUE}, ahead=0, listener=listener)


@asynccontextmanager
async def switch(tmp_path: Path, listener: Listener) -> AsyncIterator[Router]:
    yield Switch(Queues(names={QUEUE}, ahead=0), listener)


@asynccontextmanager
async def desks(tmp_path: Path, listener: Listener) -> AsyncIterator[Router]:
    async with Office(tmp_path) as office:
        yield Desks(office.center.places, office.center.customers, chat_of)


ROUTERS = {"queues of the tests": queues, "switch": switch, "desks": desks}


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=ROUTERS)
async def router(request: pytest.FixtureRequest, tmp_path: Path, heard: Heard) -> AsyncIterator[Router]:
    async with ROUTERS[request.param](tmp_path, heard) as made:
        yield made


async def stands(router: Router, id: str) -> tuple[int, int] | None:
    """Position, and how many wait."""
    report: QueueReport | None = await place_of(router, id)
    return (report.position, report.total) if report is not None else None


@pytest.mark.spec("SM-20", "SM-70", "TH-1")
async def test_a_place_is_given_once(router: Router) -> None:
    for _ in range(2):
        await router.join("c1", QUEUE, since=NOON - 5)
        assert await stands(router, "c1") == (1, 1)
    await router.join("c2", QUEUE, since=NOON)
    assert await stands(router, "c2") == (2, 2)


@pytest.mark.spec("SM-70")
async def test_who_has_waited_longer_stands_before_who_came_later(router: Router) -> None:
    await router.join("c1", QUEUE, since=NOON)
    assert await stands(router, "c1") == (1, 1)
    await router.join("c2", QUEUE, since=NOON - 60)
    assert await stands(router, "c2") == (1, 2)
    assert await stands(router, "c1") == (2, 2)


async def test_nobody_stands_where_he_was_given_no_place(router: Router) -> None:
    assert await stands(router, "c1") is None


@pytest.mark.spec("SM-43")
async def test_a_queue_that_there_is_not_is_told(router: Router) -> None:
    with pytest.raises(QueueUnknown):
        await router.join("c1", "nobody", since=NOON)
    with pytest.raises(QueueUnknown):
        await router.route("c1", "nobody", since=NOON)


@pytest.mark.spec("SM-70", "CB-12")
async def test_who_has_left_gets_no_place_again(router: Router) -> None:
    await router.leave("c1")
    await router.join("c1", QUEUE, since=NOON)
    assert await stands(router, "c1") is None
    await router.join("c2", QUEUE, since=NOON)
    assert await stands(router, "c2") == (1, 1)
    for _ in range(2):
        await router.leave("c2")
    assert await stands(router, "c2") is None
    await router.route("c2", QUEUE, since=NOON)
    await router.next_target("c2", rejections=1)
    assert await stands(router, "c2") is None


@pytest.mark.spec("SM-25")
async def test_what_is_routed_twice_is_routed_once(router: Router, heard: Heard) -> None:
    await router.join("c1", QUEUE, since=NOON)
    await stands(router, "c1")
    for _ in range(2):
        await router.route("c1", QUEUE, since=NOON)
        await router.next_target("c1", rejections=0)
    assert await stands(router, "c1") in (None, (1, 1))
    assert len(heard.news) == len(set(heard.news))


@pytest.mark.spec("SM-25", "SM-32", "MI-8")
@pytest.mark.parametrize("has_place", [True, False])
async def test_a_call_is_with_its_agent_at_once(heard: Heard, has_place: bool) -> None:
    places = Queues(names={QUEUE})
    made = Switch(places, heard)
    if has_place:
        await made.join("c1", QUEUE, since=NOON)
    for _ in range(2):
        await made.route("c1", QUEUE, since=NOON)
    assert heard.news == [("c1", AgentReserved.__name__), ("c1", AgentConnected.__name__)]
    assert places.places == {}


@pytest.mark.spec("SM-43")
async def test_a_gateway_without_agents_has_no_queue() -> None:
    nowhere: Router = Nowhere()
    with pytest.raises(QueueUnknown):
        await nowhere.join("c1", QUEUE, since=NOON)
    with pytest.raises(QueueUnknown):
        await nowhere.route("c1", QUEUE, since=NOON)
    await nowhere.leave("c1")
    await nowhere.next_target("c1", rejections=1)
    assert await nowhere.look("c1") is None
