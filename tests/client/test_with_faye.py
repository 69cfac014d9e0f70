"""The client with a Bayeux server that is not ours: Faye 1.4, over both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bayeux.client import (
    Acknowledge,
    BayeuxClient,
    Binary,
    BinaryData,
    PublishRefused,
    Replay,
    ReplyTimeout,
    State,
    SubscribeRefused,
    TimeSync,
)
from bayeux.testing import FaultProxy
from tests.client.foreign_servers import foreign_server

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


def faye(port: int = 0) -> AsyncIterator[int]:
    return foreign_server("faye", "faye_server.mjs", port)


@pytest.mark.spec("CLI-4", "CLI-3")
@EACH_TRANSPORT
async def test_it_works_with_a_faye_server_and_its_restart(transport: str) -> None:
    async with AsyncExitStack() as stack:
        async with faye() as port:
            client = BayeuxClient(f"http://127.0.0.1:{port}/bayeux", transports=(transport,))
            await stack.enter_async_context(client)
            assert client.connection_type == transport
            chat = await client.subscribe("/chat/*")
            async with client.batch() as batch:
                batch.publish("/chat/a", {"n": 1})
                batch.publish("/chat/b", {"n": 2})
            assert [(await anext(chat)).data for _ in range(2)] == [{"n": 1}, {"n": 2}]
            with pytest.raises(PublishRefused, match="Invalid channel") as refused:
                await client.publish("/chat/*", 1)
            assert refused.value.code == 405
            with pytest.raises(SubscribeRefused, match="Forbidden channel"):
                await client.subscribe("/meta/x")
        await client.wait_for_state(State.BROKEN)
        async with faye(port):
            await client.wait_for_state(State.CONNECTED)
            await client.publish("/chat/c", {"n": 3})
            assert (await anext(chat)).data == {"n": 3}
            await client.disconnect()
        assert [event async for event in chat] == []


@pytest.mark.spec("CLI-2", "CLI-4")
@EACH_TRANSPORT
async def test_a_cut_network_keeps_the_session(transport: str) -> None:
    async with faye() as port, FaultProxy(port) as proxy:
        client = BayeuxClient(proxy.url("/bayeux"), transports=(transport,))
        async with client:
            events, session = await client.subscribe("/a"), client.client_id
            await proxy.cut()
            await client.wait_for_state(State.BROKEN)
            proxy.heal()
            await client.wait_for_state(State.CONNECTED)
            await client.publish("/a", "back")
            assert (await anext(events)).data == "back"
            assert client.client_id == session


@pytest.mark.spec("CLI-4", "BIN-4", "ACK-1")
@EACH_TRANSPORT
async def test_extensions_that_faye_does_not_know_do_no_harm(transport: str) -> None:
    ack, sync = Acknowledge(), TimeSync()
    async with (
        faye() as port,
        BayeuxClient(
            f"http://127.0.0.1:{port}/bayeux",
            transports=(transport,),
            extensions=[ack, sync, Binary()],
            replay=Replay(),
        ) as client,
    ):
        events = await client.subscribe("/files", replay=-2)
        await client.publish("/files", BinaryData(b"\xff\x00", last=False))
        assert (await anext(events)).data == BinaryData(b"\xff\x00", last=False)
        assert not ack.is_agreed
        assert sync.samples == 0
        with pytest.raises(ReplyTimeout):
            await client.call("nobody", timeout=0.05)
