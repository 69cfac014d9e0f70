"""The client with our own server: through every door, over a lost network, a restart, a kick."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from bayeux.client import BayeuxClient, ClientDisconnected, ConnectFailed, PublishRefused, State, SubscribeRefused
from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.testing import FaultProxy
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from tests.support.ports import free_port
from tests.transports.doors import DOORS, House, open_house

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


def client_of(house: House, *transports: str, port: int = 0) -> BayeuxClient:
    url = f"http://127.0.0.1:{port}/cometd" if port else house.url
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the certificate is the test's own
    return BayeuxClient(url, transports=transports or ("websocket", "long-polling"), ssl=context)


@pytest.mark.spec("CLI-1")
async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    async with open_house("tls") as house:
        with pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await BayeuxClient(house.url).open()


@pytest.mark.spec("CLI-1", "HTTP-2", "WS-1")
@EACH_TRANSPORT
@pytest.mark.parametrize("door", DOORS)
async def test_what_one_client_publishes_another_reads(door: str, transport: str) -> None:
    async with open_house(door) as house:
        async with client_of(house, transport) as reader, client_of(house, transport) as writer:
            assert reader.connection_type == transport
            chat = await reader.subscribe("/chat/*", "/news/**")
            await writer.publish("/chat/room", {"text": "κόσμε"}, ext={"lang": "el"})
            async with writer.batch() as batch:
                batch.publish("/news/a/b", 1)
                batch.publish("/elsewhere", 2)
                batch.publish("/news/c", None)
            events = [await anext(chat) for _ in range(3)]
            assert [(event.channel, event.data) for event in events] == [
                ("/chat/room", {"text": "κόσμε"}),
                ("/news/a/b", 1),
                ("/news/c", None),
            ]
            assert events[0].ext == {"lang": "el"}
            await reader.unsubscribe(chat)
        assert len(house.server.sessions) == 0


@pytest.mark.spec("ENC-2")
async def test_a_large_answer_comes_compressed() -> None:
    async with open_house() as house, client_of(house, "long-polling") as client:
        events = await client.subscribe("/a")
        await client.publish("/a", "κόσμε" * 1000)
        assert (await anext(events)).data == "κόσμε" * 1000


@pytest.mark.spec("PUB-5", "SUB-5", "SUB-6")
@EACH_TRANSPORT
async def test_refusals_carry_the_words_of_the_server(transport: str) -> None:
    async with open_house() as house, client_of(house, transport) as client:
        with pytest.raises(PublishRefused, match="405::channel_invalid"):
            await client.publish("/chat/*", 1)
        with pytest.raises(SubscribeRefused) as refused:
            await client.subscribe("/chat/ok", "/meta/**")
        assert refused.value.code == 403
        async with await client.subscribe("/service/anything"):
            await client.publish("/service/anything", 1)


@pytest.mark.spec("CLI-2", "WS-32")
@EACH_TRANSPORT
async def test_a_lost_network_costs_neither_the_session_nor_an_event(transport: str) -> None:
    async with (
        open_house() as house,
        FaultProxy(house.port) as proxy,
        client_of(house, transport, port=proxy.port) as client,
    ):
        events, session = await client.subscribe("/a"), client.client_id
        await proxy.cut()
        await client.wait_for_state(State.BROKEN)
        house.server.publish("/a", "while away")
        proxy.heal()
        await client.wait_for_state(State.CONNECTED)
        assert (await anext(events)).data == "while away"
        assert client.client_id == session


async def serve(port: int, **options: Any) -> tuple[BayeuxServer, Listener, int]:
    server = BayeuxServer(Options(**options))
    await server.start()
    listener = Listener([Mount(server, "/cometd")])
    return server, listener, listener.listen(port)


@pytest.mark.spec("CLI-3")
@EACH_TRANSPORT
async def test_a_restarted_server_has_its_subscribers_again(transport: str) -> None:
    server, listener, port = await serve(free_port())
    try:
        async with BayeuxClient(f"http://127.0.0.1:{port}/cometd", transports=(transport,)) as client:
            events, session = await client.subscribe("/a"), client.client_id
            await listener.close()
            await server.stop()
            await client.wait_for_state(State.BROKEN)
            server, listener, _ = await serve(port)
            await client.wait_for_state(State.CONNECTED)
            assert client.client_id != session
            await client.publish("/a", "again")
            assert (await anext(events)).data == "again"
    finally:
        await listener.close()
        await server.stop()


@pytest.mark.spec("CLI-3", "BAT-8")
@EACH_TRANSPORT
async def test_a_server_that_takes_few_messages_at_once_has_its_subscribers_again(transport: str) -> None:
    """It refused them all, with 413 or a close, and the client said them all again, for ever."""
    server, listener, port = await serve(free_port())
    try:
        async with BayeuxClient(f"http://127.0.0.1:{port}/cometd", transports=(transport,)) as client:
            events = [await client.subscribe(f"/a/{n}") for n in range(6)]
            await listener.close()
            await server.stop()
            await client.wait_for_state(State.BROKEN)
            server, listener, _ = await serve(port, max_batch_messages=3)
            await client.wait_for_state(State.CONNECTED)
            for n, each in enumerate(events):
                server.publish(f"/a/{n}", n)
                assert (await anext(each)).data == n
    finally:
        await listener.close()
        await server.stop()


@pytest.mark.spec("DSC-6", "DSC-7", "CLI-2")
@EACH_TRANSPORT
async def test_a_kicked_client_stays_away(transport: str) -> None:
    async with open_house() as house, client_of(house, transport) as client:
        events = await client.subscribe("/a")
        (session,) = house.server.sessions
        house.server.publish("/a", "last")
        house.server.kick(session)
        assert (await anext(events)).data == "last"
        with pytest.raises(ClientDisconnected):
            await anext(events)
        assert client.state is State.DISCONNECTED


@pytest.mark.spec("NEG-2", "NEG-5")
async def test_without_websocket_the_client_polls() -> None:
    async with open_house(options={"transports": ("long-polling",)}) as house, client_of(house) as client:
        assert client.connection_type == "long-polling"
    async with (
        open_house() as house,
        FaultProxy(house.port, refuse_upgrades=True) as proxy,
        client_of(house, port=proxy.port) as client,
    ):
        assert client.connection_type == "long-polling"


@pytest.mark.spec("CLI-2")
async def test_a_connect_may_be_held_longer_than_a_reply_may_take() -> None:
    async with (
        open_house(options={"timeout": 1.5}) as house,
        BayeuxClient(house.url, transports=("long-polling",), max_network_delay=1.0) as client,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.5):
                await client.wait_for_state(State.BROKEN)
