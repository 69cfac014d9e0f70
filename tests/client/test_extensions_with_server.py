"""The client's extensions with those of our own server, over both transports and a network that loses things."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.backplane.interface import Retention
from bayeux.client import (
    ALL_RETAINED,
    Acknowledge,
    BayeuxClient,
    Binary,
    BinaryData,
    CallFailed,
    CallRefused,
    Position,
    Replay,
    ReplayGap,
    State,
    Subscription,
    TimeSync,
)
from bayeux.extensions import ack, binary, replay, timesync
from bayeux.protocol.replay import OnGap, Style
from bayeux.server.remote_call import Caller
from bayeux.testing import FaultProxy
from tests.client.faults import lose_a_response
from tests.transports.doors import House, open_house, until

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "long-polling"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients come back sooner than they should."""
    monkeypatch.setattr("bayeux.client.backoff.STEP", 0.01)


def client_of(
    house: House, transport: str, *extensions: Any, proxy: FaultProxy | None = None, **more: Any
) -> BayeuxClient:
    url = house.url if proxy is None else proxy.url("/cometd")
    return BayeuxClient(url, transports=(transport,), extensions=extensions, **more)


async def read(events: Subscription, count: int) -> list[Any]:
    async with asyncio.timeout(60):
        return [(await anext(events)).data for _ in range(count)]


# -- acknowledged messages -----------------------------------------------------------------


@pytest.mark.spec("ACK-11", "ACK-14", "ACK-15", "ACK-30", "CLI-1")
@EACH_TRANSPORT
async def test_a_lost_response_is_sent_again(transport: str) -> None:
    acknowledge = Acknowledge()
    async with open_house() as house, FaultProxy(house.port) as proxy:
        house.server.extensions.append(ack.Acknowledge())
        async with client_of(house, transport, acknowledge, proxy=proxy) as client:
            assert acknowledge.is_agreed
            events, session = await client.subscribe("/a"), client.client_id

            async def publish() -> None:
                house.server.publish("/a", 1)

            await lose_a_response(proxy, publish())
            await client.wait_for_state(State.BROKEN)
            house.server.publish("/a", 2)
            assert await read(events, 2) == [1, 2]
            house.server.publish("/a", 3)
            assert await read(events, 1) == [3]
            assert client.client_id == session


@pytest.mark.spec("ACK-31", "CLI-3")
async def test_what_a_broken_socket_brings_twice_is_read_once() -> None:
    """The events came, the number of their batch did not."""
    async with open_house() as house, FaultProxy(house.port) as proxy:
        house.server.extensions.append(ack.Acknowledge())
        house.server.extensions.append(replay.Replay({"/**": Retention(events=100)}))
        acknowledge = Acknowledge()
        async with client_of(house, "websocket", acknowledge, proxy=proxy) as client:
            events = await client.subscribe("/a")
            acknowledge.incoming = lambda message: None  # type: ignore[method-assign]
            house.server.publish("/a", 1)
            assert await read(events, 1) == [1]
            await proxy.cut()
            await client.wait_for_state(State.BROKEN)
            del acknowledge.incoming
            proxy.heal()
            await client.wait_for_state(State.CONNECTED)
            house.server.publish("/a", 2)
            assert await read(events, 1) == [2]


# -- time sync and binary ------------------------------------------------------------------


@pytest.mark.spec("TSY-3", "TSY-7")
@EACH_TRANSPORT
async def test_the_offset_of_the_servers_clock_is_found(transport: str) -> None:
    sync = TimeSync()
    async with open_house() as house:
        house.server.extensions.append(timesync.TimeSync())
        async with client_of(house, transport, sync):
            assert sync.samples >= 1  # TSY-4: who is in step is not told again
            assert abs(sync.offset) < 1


@pytest.mark.spec("BIN-2", "BIN-3", "BIN-4", "BIN-6")
@pytest.mark.parametrize("is_known", [True, False], ids=["known to the server", "unknown to it"])
@EACH_TRANSPORT
async def test_bytes_go_from_client_to_client(transport: str, is_known: bool) -> None:
    data = BinaryData(bytes(range(256)), last=False, meta={"name": "all"})
    async with open_house() as house:
        if is_known:
            house.server.extensions.append(binary.Binary())
        async with client_of(house, transport, Binary()) as client:
            events = await client.subscribe("/files")
            await client.publish("/files", data)
            await client.publish("/files", {"plain": True})
            assert await read(events, 2) == [data, {"plain": True}]
            if is_known:
                house.server.publish("/files", BinaryData(b"\x00"))
                assert await read(events, 1) == [BinaryData(b"\x00")]


# -- remote calls --------------------------------------------------------------------------


@pytest.mark.spec("RPC-1", "RPC-2", "RPC-3", "RPC-4", "RPC-5", "RPC-6")
@pytest.mark.expected_logs("a remote call raised")
@EACH_TRANSPORT
async def test_methods_of_the_server_are_called(transport: str) -> None:
    async with open_house(options={"rpc_strict": True}) as house:

        @house.server.remote_call("room/{id}")
        async def members(caller: Caller, data: Any, id: str) -> Any:
            return {"room": id, "asked": data}

        @house.server.remote_call("picky")
        def picky(caller: Caller, data: Any) -> None:
            caller.failure({"reason": data})

        @house.server.remote_call("odd")
        async def odd(caller: Caller, data: Any) -> None:
            raise ValueError(data)

        waiting: list[Caller] = []
        house.server.remote_call("later", lambda caller, data: waiting.append(caller))

        async with client_of(house, transport) as client:
            assert await client.call("room/7", [1]) == {"room": "7", "asked": [1]}
            with pytest.raises(CallFailed) as failed:
                await client.call("picky", "no")
            assert failed.value.data == {"reason": "no"}
            with pytest.raises(CallFailed) as failed:
                await client.call("odd")
            assert failed.value.data == {"class": "Error", "message": "internal error"}
            with pytest.raises(CallRefused, match="unknown_target"):
                await client.call("nobody")
            calling = asyncio.ensure_future(client.call("later"))
            await until(lambda: waiting)
            waiting[0].result(None)
            assert await calling is None
            async with client.batch() as batch:
                batch.publish("/a", 1)
                room = batch.call("room/8")
            assert room.result() == {"room": "8", "asked": None}


@pytest.mark.spec("RPC-7")
@EACH_TRANSPORT
async def test_an_answer_waits_for_the_caller_to_come_back(transport: str) -> None:
    async with open_house() as house, FaultProxy(house.port) as proxy:
        waiting: list[Caller] = []
        house.server.remote_call("later", lambda caller, data: waiting.append(caller))
        async with client_of(house, transport, proxy=proxy) as client:
            calling = asyncio.ensure_future(client.call("later"))
            await until(lambda: waiting)
            await client.publish("/a", 1)
            await proxy.cut()
            await client.wait_for_state(State.BROKEN)
            assert waiting[0].result("kept")
            proxy.heal()
            assert await calling == "kept"


# -- replay --------------------------------------------------------------------------------


def keep(house: House, events: int = 100, **more: Any) -> None:
    house.server.extensions.append(replay.Replay({"/**": Retention(events=events)}, **more))


async def lose_session(house: House, proxy: FaultProxy, *events: tuple[str, Any]) -> None:
    """Have the network away until the only session has expired; ``events`` are published when it has."""
    await proxy.cut()
    await until(lambda: len(house.server.sessions) == 0)
    for channel, data in events:
        house.server.publish(channel, data)
    proxy.heal()


@pytest.mark.spec("RPL-12", "RPL-14", "RPL-16", "RPL-23", "CLI-3")
@EACH_TRANSPORT
async def test_a_new_session_misses_nothing(transport: str) -> None:
    async with open_house(options={"max_interval": 0.5}) as house, FaultProxy(house.port) as proxy:
        keep(house)
        house.server.publish("/n", 1)
        async with client_of(house, transport, proxy=proxy) as client:
            events = await client.subscribe("/n", replay=ALL_RETAINED)
            assert (events.recovery["/n"].is_complete, events.recovery["/n"].count) == (True, 1)
            others = await client.subscribe("/m/*")
            house.server.publish("/m/a", "a")
            assert await read(events, 1) == [1]
            assert await read(others, 1) == ["a"]
            session = client.client_id
            await lose_session(house, proxy, ("/n", 2), ("/n", 3), ("/m/a", "b"))
            assert await read(events, 2) == [2, 3]
            assert await read(others, 1) == ["b"]
            assert client.client_id != session
            await until(lambda: events.recovery["/n"].count == 2)
            await client.publish("/n", 4)
            assert await read(events, 1) == [4]


@pytest.mark.spec("RPL-14", "RPL-15")
async def test_a_gap_is_told_and_what_is_retained_is_read() -> None:
    async with open_house(options={"max_interval": 1.5}) as house, FaultProxy(house.port) as proxy:
        keep(house, events=2)
        async with client_of(house, "websocket", proxy=proxy) as client:
            events = await client.subscribe("/n")
            house.server.publish("/n", 1)
            assert await read(events, 1) == [1]
            await lose_session(house, proxy, *(("/n", number) for number in (2, 3, 4)))
            assert await read(events, 2) == [3, 4]
            await until(lambda: "/n" in events.recovery)
            assert not events.recovery["/n"].is_complete


@pytest.mark.spec("RPL-15", "RPL-20")
@pytest.mark.parametrize("style", ["ext", "salesforce"])
async def test_a_refused_gap_is_raised_or_answered_by_the_policy(style: Any) -> None:
    async with open_house() as house:
        keep(house, events=2, styles={"/**": Style(style)}, on_gap=OnGap.ERROR)
        for number in (1, 2, 3):
            house.server.publish("/n", {"number": number})
        async with client_of(house, "websocket", replay=Replay(style=style)) as client:
            with pytest.raises(ReplayGap):
                await client.subscribe("/n", replay=99)
        async with client_of(house, "websocket", replay=Replay(style=style, on_gap="all")) as client:
            events = await client.subscribe("/n", replay=99)
            assert [each["number"] for each in await read(events, 2)] == [2, 3]
            house.server.publish("/n", {"number": 4})
            event = await anext(events)
            assert event.position is not None
            assert event.data["number"] == 4


@pytest.mark.spec("RPL-17", "RPL-19", "RPL-21")
@EACH_TRANSPORT
async def test_arrays_patterns_and_rewinding(transport: str) -> None:
    async with open_house() as house:
        keep(house)
        for channel in ("/a", "/b", "/n/x", "/n/y"):
            for number in (1, 2):
                house.server.publish(channel, f"{channel} {number}")
        async with client_of(house, transport) as client:
            both = await client.subscribe("/a", "/b", replay={"/a": ALL_RETAINED})
            assert await read(both, 2) == ["/a 1", "/a 2"]
            below = await client.subscribe("/n/*", replay={"/n/x": ALL_RETAINED})
            assert await read(below, 2) == ["/n/x 1", "/n/x 2"]
            again = await client.subscribe("/a", replay=ALL_RETAINED)
            first = await anext(again)
            assert (first.data, both.waiting) == ("/a 1", 0)
            rest = await client.subscribe("/a", replay=first.position)
            house.server.publish("/a", "/a 3")
            assert await read(rest, 2) == await read(again, 2) == ["/a 2", "/a 3"]
            assert await read(both, 1) == ["/a 3"]
            assert isinstance(first.position, Position)


@pytest.mark.spec("ACK-11", "RPL-23", "CLI-3")
@EACH_TRANSPORT
async def test_acknowledged_and_replayed_every_event_is_read_once_and_in_order(
    transport: str,
) -> None:
    """Responses lost, connections cut, the session lost: ack covers the one, replay the other."""
    async with open_house(options={"max_interval": 0.5}) as house, FaultProxy(house.port) as proxy:
        house.server.extensions.append(ack.Acknowledge())
        keep(house, events=1000)
        async with client_of(house, transport, Acknowledge(), proxy=proxy, replay=Replay()) as client:
            events, numbers = await client.subscribe("/n"), iter(range(1000))

            async def publish() -> None:
                house.server.publish("/n", next(numbers))

            for _ in range(3):
                await lose_a_response(proxy, publish())
                await publish()
                await until(lambda: client.state is State.CONNECTED)
                await proxy.cut()
                await publish()
                proxy.heal()
                await publish()
            await lose_session(house, proxy, ("/n", next(numbers)))
            count = next(numbers)
            assert await read(events, count) == list(range(count))
            assert events.waiting == 0
