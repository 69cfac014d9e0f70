"""One conversation, spoken by every foreign client over every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import product
from typing import Any

import pytest

from bayeux.server.remote_call import Caller
from bayeux.testing import FaultProxy
from tests.interop.aiocometd_client import MARKS, aiocometd
from tests.interop.browser import Tab, browser
from tests.interop.foreign import ForeignClient, JavaScriptClient, driven
from tests.interop.service import Service, page_of

CLIENTS = ("cometd-node", "cometd-browser", "faye", "aiocometd")
TRANSPORTS = ("websocket", "long-polling")

pytestmark = MARKS

NAMES = ["plain", "ünïcode", "line\u2028separator\u2029", "🙂", "", "null", "</script>"]
VALUES: list[Any] = [*NAMES, 0, -1, 1.5, True, False, None, [], {}, [None, [0]], {"z": 1, "a": {"": []}, "_b ": "0"}]


class ClientInPage(Tab):
    """npm cometd in a page of the origin that it connects to."""

    async def open(self, url: str, **details: Any) -> None:
        await self.visit(page_of(url))
        await super().open(url, **details)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    name: str = request.param
    return name


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of each client in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def client(kind: str, service: Service, request: pytest.FixtureRequest) -> AsyncIterator[ForeignClient]:
    """Each client in turn, not yet opened."""
    async with AsyncExitStack() as stack:
        if kind == "aiocometd":
            yield await stack.enter_async_context(aiocometd())
        elif kind == "cometd-browser":
            profile = await stack.enter_async_context(browser(request.getfixturevalue("chromium_endpoint")))
            yield ClientInPage(profile.process, "page")
        else:
            script = {"cometd-node": "cometd_node.mjs", "faye": "faye_node.mjs"}[kind]
            yield JavaScriptClient(await stack.enter_async_context(driven(script)))


@pytest.mark.spec("HS-2", "HS-3", "CN-1", "NEG-1", "SES-3", "WS-30")
async def test_connects_over_the_transport_it_was_told(client: ForeignClient, service: Service, transport: str) -> None:
    """Faye and aiocometd handshake by POST and continue the session on the socket, Faye as soon as it is open."""
    await client.open(service.url, transports=[transport])
    while await client.connected() != transport:
        assert transport == "websocket"
    assert len(service.server.sessions) == 1


@pytest.mark.spec("CN-3", "MSG-6", "PUB-4", "MSG-18", "PUB-16", "WS-10")
async def test_receives_what_is_published_unchanged_and_in_order(
    client: ForeignClient, service: Service, transport: str
) -> None:
    await client.open(service.url, transports=[transport])
    assert (await client.subscribe("/news"))["successful"]
    for value in VALUES:
        service.server.publish("/news", value)
    events = [await client.message() for _ in VALUES]
    assert {event["channel"] for event in events} == {"/news"}
    assert [repr(event["data"]) for event in events] == [repr(value) for value in VALUES]  # repr: 1 is not True


@pytest.mark.spec("CH-20", "CH-23")
async def test_subscribes_to_wildcards(client: ForeignClient, service: Service, transport: str) -> None:
    await client.open(service.url, transports=[transport])
    for pattern in ("/stock/*", "/bond/**"):
        assert (await client.subscribe(pattern))["successful"]
    for channel in ("/stock", "/stock/a", "/stock/a/b", "/stocks/a", "/bond", "/bond/a", "/bond/a/b", "/bond/end"):
        service.server.publish(channel, channel)
    assert await heard_until(client, "/bond/end") == ["/stock/a", "/bond/a", "/bond/a/b"]


@pytest.mark.spec("SUB-1", "SUB-3")
@pytest.mark.parametrize("kind", ["cometd-node", "cometd-browser", "faye"], indirect=True)
async def test_subscribes_to_several_channels_at_once(
    client: JavaScriptClient, service: Service, transport: str
) -> None:
    """aiocometd cannot: it keeps the reply's subscription in a set."""
    await client.open(service.url, transports=[transport])
    reply = await client.subscribe_together("/one", "/two", "/three")
    assert reply["successful"]
    assert reply["subscription"] == ["/one", "/two", "/three"]
    for channel in ("/one", "/two", "/three"):
        service.server.publish(channel, channel)
    assert [(await client.message())["channel"] for _ in range(3)] == ["/one", "/two", "/three"]


@pytest.mark.spec("PUB-1", "PUB-8", "PUB-11", "PUB-12", "MSG-16")
async def test_publishes_and_hears_itself(client: ForeignClient, service: Service, transport: str) -> None:
    await client.open(service.url, transports=[transport])
    await client.subscribe("/chat")
    assert (await client.publish("/chat", {"text": "hello"}))["successful"]
    event = await client.message()
    assert (event["channel"], event["data"]) == ("/chat", {"text": "hello"})
    assert "clientId" not in event


@pytest.mark.spec("CH-12", "PUB-13", "DEL-6", "SUB-6")
async def test_talks_to_a_service_channel(client: ForeignClient, service: Service, transport: str) -> None:
    await client.open(service.url, transports=[transport])
    await client.listen("/service/echo")
    assert (await client.publish("/service/echo", {"question": 1}))["successful"]
    event = await client.message()
    assert (event["channel"], event["data"]) == ("/service/echo", {"question": 1})


@pytest.mark.spec("RPC-1", "RPC-2", "RPC-3", "RPC-4", "RPC-5", "RPC-6", "RPC-7", "PUB-14")
@pytest.mark.expected_logs("a remote call raised")
@pytest.mark.parametrize("kind", ["cometd-node", "cometd-browser"], indirect=True)
@pytest.mark.parametrize("service_options", [{"rpc_strict": True}])
async def test_calls_methods_of_the_server(client: JavaScriptClient, service: Service, transport: str) -> None:
    waiting: list[Caller] = []

    @service.server.remote_call("room/{room}")
    async def members(caller: Caller, data: Any, room: str) -> Any:
        return None if data is None else {"room": room, "asked": data}

    @service.server.remote_call("fails")
    def fails(caller: Caller, data: Any) -> None:
        raise LookupError

    @service.server.remote_call("later")
    def later(caller: Caller, data: Any) -> None:
        asyncio.get_running_loop().call_soon(caller.result, "at last")

    service.server.remote_call("never", lambda caller, data: waiting.append(caller))
    await client.open(service.url, transports=[transport])
    assert (await client.remote_call("room/blue", [1]))["data"] == {"room": "blue", "asked": [1]}
    answers = [await client.remote_call(target, None) for target in ("/room/blue", "fails", "later", "unknown")]
    assert [(answer["successful"], answer.get("data")) for answer in answers] == [
        (True, None), (False, {"class": "Error", "message": "internal error"}), (True, "at last"), (False, None),
    ]  # fmt: skip
    assert answers[-1]["error"] == "404::unknown_target"
    assert (await client.remote_call("never", None, patience=50))["error"] == "406::timeout"
    assert waiting[0].result("too late, and dropped by the client")
    assert (await client.remote_call("later", None))["data"] == "at last"


@pytest.mark.spec("BAT-1", "BAT-2", "WS-11")
@pytest.mark.parametrize("kind", ["cometd-node", "cometd-browser", "faye"], indirect=True)
async def test_sends_a_batch(client: JavaScriptClient, service: Service, transport: str) -> None:
    """aiocometd has no batches."""
    await client.open(service.url, transports=[transport])
    await client.subscribe("/batch/*")
    messages = [{"channel": f"/batch/{number}", "data": number} for number in range(5)]
    replies = await client.batch(*messages)
    assert [(reply["channel"], reply["successful"]) for reply in replies] == [(m["channel"], True) for m in messages]
    assert [(await client.message())["data"] for _ in messages] == [0, 1, 2, 3, 4]


@pytest.mark.spec("UNS-1", "UNS-3")
async def test_unsubscribes(client: ForeignClient, service: Service, transport: str) -> None:
    await client.open(service.url, transports=[transport])
    await client.subscribe("/kept")
    await client.subscribe("/left/*")
    assert (await client.unsubscribe("/left/*"))["successful"]
    service.server.publish("/left/a", "/left/a")
    service.server.publish("/kept", "/kept")
    assert await heard_until(client, "/kept") == []


@pytest.mark.spec("DSC-1", "DSC-2", "DSC-3")
async def test_disconnects(client: ForeignClient, service: Service, transport: str) -> None:
    await client.open(service.url, transports=[transport])
    await client.connected()
    assert (await client.disconnect())["successful"]
    assert len(service.server.sessions) == 0


@pytest.mark.spec("CN-21", "SUB-11", "WS-32")
async def test_comes_back_after_the_server_restarted(client: ForeignClient, service: Service, transport: str) -> None:
    """The new server knows no session: 402, a new handshake, the subscriptions made again."""
    await client.open(service.url, transports=[transport])
    await client.subscribe("/news")
    await client.connected()
    await service.crash()
    await service.subscribed("/news")
    service.server.publish("/news", "after the restart")
    assert (await client.message())["data"] == "after the restart"
    assert len(service.server.sessions) == 1


@pytest.mark.spec("DSC-11", "WS-20")
@pytest.mark.parametrize("kind", ["cometd-node", "faye"], indirect=True)
async def test_comes_back_when_the_server_sent_it_away(client: ForeignClient, service: Service, transport: str) -> None:
    """A stopping server advises an interval; aiocometd takes its milliseconds for seconds (COOK-14)."""
    await client.open(service.url, transports=[transport])
    await client.subscribe("/news")
    await service.holds_a_connect()
    await service.restart()
    await service.subscribed("/news")
    service.server.publish("/news", "after the restart")
    assert (await client.message())["data"] == "after the restart"


@pytest.mark.spec("SES-8", "WS-16", "WS-32", "SEC-42", "COOK-3", "DEL-5")
@pytest.mark.parametrize(
    ("kind", "transport"),
    [each for each in product(CLIENTS, TRANSPORTS) if each != ("cometd-node", "websocket")],
    indirect=True,
)
async def test_keeps_its_session_over_a_network_cut(client: ForeignClient, service: Service, transport: str) -> None:
    """What is published meanwhile waits in the queue."""
    async with FaultProxy(service.port) as proxy:
        await client.open(service.url_through(proxy), transports=[transport])
        await client.subscribe("/news")
        await client.connected()
        await service.holds_a_connect()
        (session,) = service.server.sessions
        await proxy.cut()
        await service.held_connects_are_gone()
        service.server.publish("/news", "during the cut")
        proxy.heal()
        assert (await client.message())["data"] == "during the cut"
        assert session in list(service.server.sessions)
        service.server.publish("/news", "after the cut")
        assert (await client.message())["data"] == "after the cut"


@pytest.mark.spec("CN-21", "WS-32", "SUB-11")
@pytest.mark.parametrize("kind", ["cometd-node"], indirect=True)
async def test_goes_on_after_a_network_cut_without_a_cookie(client: JavaScriptClient, service: Service) -> None:
    """npm cometd on Node shows no cookie with an upgrade, so it may have to begin a session anew."""
    async with FaultProxy(service.port) as proxy:
        await client.open(service.url_through(proxy), transports=["websocket"])
        await client.subscribe("/news")
        await service.holds_a_connect()
        await proxy.cut()
        client.heard("connect")
        proxy.heal()
        await client.connected()
        service.server.publish("/news", "after the cut")
        assert (await client.message())["data"] == "after the cut"


@pytest.mark.spec("NEG-2", "HTTP-2")
@pytest.mark.parametrize("kind", ["cometd-node", "cometd-browser", "faye"], indirect=True)
async def test_falls_back_when_a_proxy_refuses_websockets(client: JavaScriptClient, service: Service) -> None:
    """aiocometd does not fall back: it fails to open."""
    async with FaultProxy(service.port, refuse_upgrades=True) as proxy:
        await client.open(service.url_through(proxy))
        assert await client.connected() == "long-polling"
        assert proxy.tally.refused_upgrades >= 1
        await client.subscribe("/news")
        service.server.publish("/news", "by polling")
        assert (await client.message())["data"] == "by polling"


@pytest.mark.spec("NEG-1", "NEG-2", "NEG-5", "HS-3", "HTTP-2")
@pytest.mark.parametrize("service_options", [{"transports": ("long-polling",)}])
async def test_falls_back_when_the_server_has_no_websocket(client: ForeignClient, service: Service) -> None:
    await client.open(service.url)
    assert await client.connected() == "long-polling"
    assert (await client.publish("/news", "by polling"))["successful"]


@pytest.mark.spec("SES-3", "WS-6", "WS-30", "WS-32")
@pytest.mark.parametrize("kind", ["faye"], indirect=True)
@pytest.mark.parametrize("service_options", [{}, {"ws_rebind": "clientid"}])
async def test_a_distant_faye_client_takes_its_session_to_the_socket(client: ForeignClient, service: Service) -> None:
    """Its probing socket and its handshake overlap, so each is given a browser cookie."""
    async with FaultProxy(service.port, latency=0.03) as proxy:
        await client.open(service.url_through(proxy))
        await client.subscribe("/news")
        while await client.connected() != "websocket":
            pass
        service.server.publish("/news", "over the socket")
        assert (await client.message())["data"] == "over the socket"


@pytest.mark.spec("WS-4")
@pytest.mark.parametrize("kind", ["cometd-node", "cometd-browser", "faye"], indirect=True)
@pytest.mark.parametrize("service_options", [{"ws_deflate": True}, {"ws_deflate": True, "ws_deflate_min_size": 0}])
async def test_talks_compressed_where_it_offers_that(client: JavaScriptClient, service: Service) -> None:
    """aiocometd offers nothing, Faye with the extension that its documentation names."""
    text = "all that repeats itself " * 300  # npm cometd sends no more than 8 KiB
    await client.open(service.url, transports=["websocket"])
    while await client.connected() != "websocket":
        pass
    assert (await client.subscribe("/news"))["successful"]
    counters = service.server.counters
    before = counters.bytes_sent["websocket"], counters.bytes_received["websocket"]
    for n in range(3):
        service.server.publish("/news", [n, text])
        assert (await client.message())["data"] == [n, text]
    assert counters.bytes_sent["websocket"] - before[0] < len(text)
    for n in range(3):
        assert (await client.publish("/news", [n, text]))["successful"]
        assert (await client.message())["data"] == [n, text]
    assert counters.bytes_received["websocket"] - before[1] < len(text)


async def heard_until(client: ForeignClient, last: str) -> list[str]:
    """The data of the events before the one whose data is ``last``."""
    heard: list[str] = []
    while (data := (await client.message())["data"]) != last:
        heard.append(data)
    return heard
