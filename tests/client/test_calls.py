"""Remote calls, alone and in a batch, with a scripted server over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    BayeuxClient,
    CallFailed,
    CallRefused,
    ClientDisconnected,
    ClientError,
    ReplyTimeout,
    SessionLost,
    State,
    TransportFailed,
)
from bayeux.protocol.errors import ChannelInvalid
from tests.client.scripted import Message, ScriptedServer, reply

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])
UNKNOWN = {"successful": False, "error": "402::session_unknown", "advice": {"reconnect": "handshake", "interval": 0}}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def client_of(server: ScriptedServer, transport: str = "websocket", **more: Any) -> BayeuxClient:
    return BayeuxClient(server.url, transports=(transport,), **more)


def answer(request: Message, **fields: Any) -> Message:
    return {"channel": request["channel"], "id": request["id"], "successful": True, **fields}


@pytest.mark.spec("RPC-1", "RPC-4", "RPC-5", "BAT-5")
@EACH_TRANSPORT
async def test_a_call_returns_what_the_method_returns(server: ScriptedServer, transport: str) -> None:
    server.answers["/service/contacts/mine"] = lambda message: [
        answer(message, data=[message["data"]]),
        reply(message),
    ]
    async with client_of(server, transport) as client:
        assert await client.call("contacts/mine", "a", ext={"e": 1}) == ["a"]
        assert await client.call("/contacts/mine") == [None]
        assert server.seen("/service/contacts/mine")[0]["ext"] == {"e": 1}


@pytest.mark.spec("RPC-4", "RPC-5")
@EACH_TRANSPORT
async def test_an_answer_may_come_later_with_a_connect(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        calling = asyncio.ensure_future(client.call("slow", timeout=None))
        request = await server.wait_for("/service/slow")
        server.push(answer(request, data=None))
        assert await calling is None


@pytest.mark.spec("RPC-4")
@EACH_TRANSPORT
async def test_a_failure_of_the_method_is_raised_with_its_data(server: ScriptedServer, transport: str) -> None:
    data = {"class": "ValueError", "message": "odd"}
    server.answers["/service/odd"] = lambda message: [answer(message, successful=False, data=data), reply(message)]
    async with client_of(server, transport) as client:
        with pytest.raises(CallFailed, match=r"odd failed.*ValueError") as failed:
            await client.call("odd")
        assert (failed.value.target, failed.value.data) == ("odd", data)


@pytest.mark.spec("RPC-6")
@EACH_TRANSPORT
async def test_a_call_that_is_refused_says_why(server: ScriptedServer, transport: str) -> None:
    server.answers["/service/x"] = lambda message: [reply(message, successful=False, error="404::unknown_target")]
    async with client_of(server, transport) as client:
        with pytest.raises(CallRefused, match="404::unknown_target") as refused:
            await client.call("x")
        assert refused.value.code == 404


@pytest.mark.spec("RPC-7")
@EACH_TRANSPORT
async def test_a_call_nobody_answers_ends_and_a_late_answer_is_dropped(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        events = await client.subscribe("/service/x", "/a")
        with pytest.raises(ReplyTimeout, match=r"no (answer|reply).* within 0\.05 s"):
            await client.call("x", timeout=0.05)
        server.push(answer(server.seen("/service/x")[0], data="late"), {"channel": "/a", "data": 1})
        assert (await anext(events)).data == 1
        server.answers["/service/x"] = lambda _: None
        with pytest.raises(ReplyTimeout):
            await client.call("x", timeout=0.05)


@pytest.mark.spec("RPC-7")
async def test_a_call_outlives_a_cut_connection_but_not_its_session(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        calling = asyncio.ensure_future(client.call("x"))
        request = await server.wait_for("/service/x")
        await client.publish("/y", 1)  # behind the reply to the call
        server.cut()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        await server.wait_for("/meta/connect", 4)
        for _ in range(2):  # the connect that was cut is still held, too
            server.push(answer(request, data="kept"))
        assert await calling == "kept"

        calling = asyncio.ensure_future(client.call("x"))
        await server.wait_for("/service/x", 2)
        await client.publish("/y", 1)
        server.answers["/meta/connect"] = lambda message: (
            [reply(message, **UNKNOWN)] if message["clientId"] == "S1" else server._usual(message)
        )
        server.push()
        server.push()
        with pytest.raises(SessionLost):
            await calling


@pytest.mark.spec("RPC-7")
@EACH_TRANSPORT
async def test_a_call_ends_with_its_client(server: ScriptedServer, transport: str) -> None:
    async with client_of(server, transport) as client:
        calling = asyncio.ensure_future(client.call("x"))
        await server.wait_for("/service/x")
        await client.publish("/y", 1)
    with pytest.raises((ClientDisconnected, TransportFailed)):
        await calling
    with pytest.raises(ClientDisconnected):
        await client.call("x")


@pytest.mark.parametrize("target", ["", "/", "a/*", "room/{id}", "no?pe", "**"])
async def test_a_target_is_a_name(server: ScriptedServer, target: str) -> None:
    async with client_of(server) as client:
        with pytest.raises(ChannelInvalid):
            await client.call(target)


@pytest.mark.spec("BAT-2", "RPC-4", "RPC-6")
@EACH_TRANSPORT
async def test_a_batch_may_call(server: ScriptedServer, transport: str) -> None:
    server.answers["/service/now"] = lambda message: [answer(message, data=message["data"]), reply(message)]
    server.answers["/service/odd"] = lambda message: [answer(message, successful=False, data=0), reply(message)]
    server.answers["/service/no"] = lambda message: [reply(message, successful=False, error="403::denied")]
    async with client_of(server, transport) as client:
        async with client.batch() as batch:
            batch.publish("/a", 1)
            now, odd = batch.call("now", 1), batch.call("odd")
            slow = batch.call("slow", timeout=0.05)
            with pytest.raises(ClientError, match="not been sent"):
                now.result()
        [body] = [body for body in server.bodies if len(body) > 1]
        assert [message["channel"] for message in body] == ["/a", "/service/now", "/service/odd", "/service/slow"]
        assert now.result() == 1
        with pytest.raises(CallFailed):
            odd.result()
        with pytest.raises(ReplyTimeout):
            slow.result()

        batch = client.make_batch()
        now, no = batch.call("now", 2), batch.call("no")
        with pytest.RaisesGroup(CallRefused):
            await client.send(batch)
        assert now.result() == 2
        with pytest.raises(CallRefused):
            no.result()

        batch = client.make_batch()
        lost = batch.call("now", 3)
        server.answers["/service/now"] = lambda _: None
        sending = asyncio.ensure_future(client.send(batch))
        await server.wait_for("/service/now", 3)
        server.cut()
        with pytest.raises(TransportFailed):
            await sending
        with pytest.raises(TransportFailed):
            lost.result()
