"""npm ``cometd`` with its acknowledge extension: answers that are lost on the way, and pages that are reloaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bayeux.extensions.ack import Acknowledge
from bayeux.server.sessions import ServerSession
from bayeux.testing import FaultProxy, Way
from tests.interop.browser import Browser, browser
from tests.interop.foreign import PATIENCE, JavaScriptClient, driven
from tests.interop.service import Service
from tests.interop.test_clients import ClientInPage

ACK = "AckExtension"


@pytest.fixture
def service_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """npm cometd on Node shows no cookie with an upgrade; a test may add others."""
    return {"ws_rebind": "clientid", **getattr(request, "param", {})}


@pytest.fixture(params=["websocket", "long-polling"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    name: str = request.param
    return name


@pytest.fixture(params=["cometd-node", "cometd-browser"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[JavaScriptClient]:
    """npm cometd on Node and in a page, not yet opened."""
    async with AsyncExitStack() as stack:
        if request.param == "cometd-node":
            yield JavaScriptClient(await stack.enter_async_context(driven("cometd_node.mjs")))
        else:
            profile = await stack.enter_async_context(browser(request.getfixturevalue("chromium_endpoint")))
            yield ClientInPage(profile.process, "page")


class Batches:
    """What the server sends and hears of batches."""

    def __init__(self, service: Service) -> None:
        service.server.extensions.append(Acknowledge())
        service.server.listeners.batch_sent.append(self._sent)
        self.sent: list[tuple[int, int]] = []
        """Number of each batch, and how many events it had."""
        self._changed = asyncio.Event()

    def _sent(self, session: ServerSession, events: list[Any], number: int) -> None:
        self.sent.append((number, len(events)))
        self._changed.set()

    async def sent_events(self, count: int) -> None:
        """Wait until so many events have left since the last of these waits."""
        async with asyncio.timeout(PATIENCE):
            while sum(events for _, events in self.sent) < count:
                self._changed.clear()
                await self._changed.wait()
        self.sent.clear()


@pytest.mark.spec("ACK-1", "ACK-11", "ACK-14", "ACK-15", "ACK-30", "SES-8")
async def test_a_lost_answer_comes_again(client: JavaScriptClient, service: Service, transport: str) -> None:
    """Twice, with new events behind; each event reaches the application once, in order."""
    batches = Batches(service)
    async with FaultProxy(service.port) as proxy:
        await client.open(service.url_through(proxy), transports=[transport], extensions=[ACK])
        await client.subscribe("/news")
        await client.connected()
        await service.holds_a_connect()
        (session,) = service.server.sessions
        assert session.acknowledgement is not None
        for n in (1, 3):
            proxy.swallow(Way.TO_CLIENT)
            service.server.publish("/news", n)
            await batches.sent_events(1)
            await proxy.cut()
            service.server.publish("/news", n + 1)
            proxy.heal()
            assert [(await client.message())["data"] for _ in range(2)] == [n, n + 1]
            await service.holds_a_connect()
            batches.sent.clear()
        service.server.publish("/news", 5)
        assert (await client.message())["data"] == 5
        assert list(service.server.sessions) == [session]
        await service.until(lambda: session.acknowledgement is not None and session.acknowledgement.count == 0)
        assert client.heard("message") == []


@pytest.mark.spec("HS-14", "ACK-2")
@pytest.mark.parametrize("service_options", [{"allow_message_delivery_during_handshake": True}], indirect=True)
@pytest.mark.parametrize("extensions", [[], [ACK]])
async def test_events_of_the_handshake_arrive_before_the_first_connect(
    client: JavaScriptClient, service: Service, transport: str, extensions: list[str]
) -> None:
    """The client counts them, and waits for them before it connects."""
    Batches(service)
    service.server.listeners.session_added.append(lambda session, message: session.deliver("/service/hello", "early"))
    if isinstance(client, ClientInPage):
        await client.visit(service.page)
        await client.listen("/service/hello")
        await JavaScriptClient.open(client, service.url, transports=[transport], extensions=extensions)
    else:
        await client.listen("/service/hello")
        await client.open(service.url, transports=[transport], extensions=extensions)
    assert (await client.hear("handshake"))["x-messages"] == 1
    assert (await client.message())["data"] == "early"
    await client.connected()
    await service.holds_a_connect()
    (session,) = service.server.sessions
    if extensions:
        assert session.acknowledgement is not None
        assert session.acknowledgement.count == 0, "the first connect acknowledges them"
    assert client.heard("message") == []


@pytest.mark.spec("RLD-1", "RLD-2", "RLD-3", "RLD-4", "RLD-5", "RLD-8", "ACK-15", "WS-14", "SES-8")
async def test_a_reloaded_page_misses_nothing(chrome: Browser, service: Service, transport: str) -> None:
    """Events of before, while and after the reload arrive once and in order; the subscription is made again."""
    batches = Batches(service)
    tab = await chrome.open(service.page)
    await tab.open(service.url, transports=[transport], extensions=[ACK])
    await tab.subscribe("/news")
    await tab.connected()
    await service.holds_a_connect()
    (session,) = service.server.sessions
    service.server.publish("/news", 1)
    assert (await tab.message())["data"] == 1
    await service.until(lambda: session.held is not None)

    await tab.ask("prepareReload")
    await service.held_connects_are_gone()
    service.server.publish("/news", 2)
    await tab.reload()
    service.server.publish("/news", 3)
    await tab.listen("/news")
    batches.sent.clear()
    await tab.open(service.url, transports=[transport], extensions=[ACK])
    assert [(await tab.message())["data"] for _ in range(2)] == [2, 3]
    await service.until(lambda: session.held is not None)
    service.server.publish("/news", 4)
    assert (await tab.message())["data"] == 4
    assert list(service.server.sessions) == [session]
    await service.until(lambda: session.acknowledgement is not None and session.acknowledgement.count == 0)
    assert tab.heard("message") == []
