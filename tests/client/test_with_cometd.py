"""The client with the server of the CometD project for Node: long-polling, and acknowledged messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bayeux.client import Acknowledge, BayeuxClient, PublishRefused, ReplyTimeout, State, Subscription
from bayeux.testing import FaultProxy
from tests.client.faults import lose_a_response
from tests.client.foreign_servers import foreign_server


def cometd(port: int = 0) -> AsyncIterator[int]:
    return foreign_server("cometd-nodejs-server", "cometd_server.mjs", port)


def client_of(port: int, *extensions: Acknowledge) -> BayeuxClient:
    return BayeuxClient(f"http://127.0.0.1:{port}/cometd", extensions=extensions)


async def read(events: Subscription, count: int) -> list[object]:
    return [(await anext(events)).data for _ in range(count)]


@pytest.mark.spec("CLI-4", "NEG-2")
async def test_a_session_with_its_requests_and_refusals() -> None:
    async with cometd() as port, client_of(port) as client:
        assert client.connection_type == "long-polling"  # it has no WebSocket
        chat = await client.subscribe("/chat/*", "/news/**")
        async with client.batch() as batch:
            batch.publish("/chat/a", {"n": 1})
            batch.publish("/news/b/c", {"n": 2})
        assert await read(chat, 2) == [{"n": 1}, {"n": 2}]
        hello = await client.subscribe("/service/hello")
        await client.publish("/service/hello", "Ann")
        assert await read(hello, 1) == [{"hello": "Ann"}]
        with pytest.raises(PublishRefused) as refused:
            await client.publish("/closed", 1)
        assert refused.value.code == 403
        with pytest.raises(ReplyTimeout):  # it knows no remote calls, and takes one for a publish
            await client.call("nobody", timeout=0.05)
        await client.unsubscribe(chat)


@pytest.mark.spec("CLI-4", "CLI-3")
async def test_a_restarted_server_has_its_subscribers_again() -> None:
    async with AsyncExitStack() as stack:
        async with cometd() as port:
            client = await stack.enter_async_context(client_of(port, Acknowledge()))
            events, session = await client.subscribe("/a"), client.client_id
        await client.wait_for_state(State.BROKEN)
        async with cometd(port):
            await client.wait_for_state(State.CONNECTED)
            assert client.client_id != session
            await client.publish("/a", "again")
            assert await read(events, 1) == ["again"]
            await client.disconnect()


@pytest.mark.spec("ACK-1", "ACK-11", "ACK-14", "CLI-4")
async def test_a_lost_response_costs_no_event() -> None:
    ack = Acknowledge()
    async with (
        cometd() as port,
        FaultProxy(port) as proxy,
        client_of(port) as other,
        client_of(proxy.port, ack) as client,
    ):
        assert ack.is_agreed
        events, session = await client.subscribe("/a"), client.client_id
        await other.publish("/a", 1)
        assert await read(events, 1) == [1]
        await lose_a_response(proxy, other.publish("/a", 2))
        await client.wait_for_state(State.BROKEN)
        await other.publish("/a", 3)
        assert await read(events, 2) == [2, 3]
        await other.publish("/a", 4)
        assert await read(events, 1) == [4]
        assert client.client_id == session
        assert ack.batch >= 4


@pytest.mark.spec("CLI-2", "CLI-4")
async def test_a_cut_network_keeps_the_session() -> None:
    async with cometd() as port, FaultProxy(port) as proxy, client_of(proxy.port, Acknowledge()) as client:
        events, session = await client.subscribe("/a"), client.client_id
        await proxy.cut()
        await client.wait_for_state(State.BROKEN)
        proxy.heal()
        await client.wait_for_state(State.CONNECTED)
        await client.publish("/a", "back")
        assert await read(events, 1) == ["back"]
        assert client.client_id == session
