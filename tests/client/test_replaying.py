"""Replay with a scripted server: what the client asks for, again after a new handshake, and after a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    ALL_RETAINED,
    ONLY_NEW,
    BayeuxClient,
    Event,
    Position,
    Recovery,
    Replay,
    ReplayGap,
    State,
    SubscribeRefused,
)
from tests.client.scripted import Message, ScriptedServer, reply

UNKNOWN = {"successful": False, "error": "402::session_unknown", "advice": {"reconnect": "handshake", "interval": 0}}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def client_of(server: ScriptedServer, **more: Any) -> BayeuxClient:
    return BayeuxClient(server.url, transports=("long-polling",), **more)


def event(id: int, channel: str = "/n", epoch: str = "k") -> Message:
    return {"channel": channel, "data": id, "ext": {"replay": {"id": id, "epoch": epoch}}}


def asked(server: ScriptedServer) -> list[tuple[Any, Any]]:
    """What the subscribes said: subscription and positions."""
    return [(each["subscription"], each.get("ext", {}).get("replay")) for each in server.seen("/meta/subscribe")]


async def lose_session(server: ScriptedServer, client: BayeuxClient) -> None:
    """Let the server forget the session; returns when the client is connected again."""
    former = client.client_id
    server.answers["/meta/connect"] = lambda message: (
        [reply(message, **UNKNOWN)] if message["clientId"] == former else server._usual(message)
    )
    server.push()
    await client.wait_for_state(State.BROKEN)
    await client.wait_for_state(State.CONNECTED)


@pytest.mark.spec("RPL-11", "RPL-14", "RPL-16")
async def test_replayed_events_come_with_the_subscribe_and_its_report(server: ScriptedServer) -> None:
    report = {"/n": {"id": 21, "epoch": "k", "recovered": False, "count": 2}}
    server.answers["/meta/subscribe"] = lambda message: [
        event(18),
        event(21),
        reply(message, subscription="/n", ext={"replay": report}),
    ]
    async with client_of(server) as client:
        events = await client.subscribe("/n", replay={"id": 17, "epoch": "k"})
        assert asked(server) == [("/n", {"/n": {"id": 17, "epoch": "k"}})]
        assert events.recovery == {"/n": Recovery(Position(21, "k"), is_complete=False, count=2)}
        assert [(await anext(events)).position for _ in range(2)] == [Position(18, "k"), Position(21, "k")]


@pytest.mark.spec("CLI-3", "RPL-23")
async def test_a_new_session_begins_where_the_old_one_was(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        news, other = await client.subscribe("/n", replay=ALL_RETAINED), await client.subscribe("/m/*", "/quiet")
        server.push(event(5), event(8), event(3, "/m/x"))
        assert [(await anext(news)).data for _ in range(2)] == [5, 8]
        await lose_session(server, client)
        server.push(event(8), event(9), event(3, "/m/x"), event(4, "/m/x"))
        assert (await anext(news)).data == 9
        assert [(await anext(other)).data for _ in range(2)] == [3, 4]
    assert asked(server) == [
        ("/n", {"/n": -2}),
        (["/m/*", "/quiet"], None),
        ("/n", {"/n": {"id": 8, "epoch": "k"}}),
        ("/m/*", {"/m/x": {"id": 3, "epoch": "k"}}),
        ("/quiet", None),
    ]


@pytest.mark.spec("RPL-12", "CLI-3")
async def test_what_was_asked_for_and_has_not_come_is_asked_for_again(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.subscribe("/a", "/b", replay={"/a": ALL_RETAINED, "/b": 17})
        await client.subscribe("/n/*", replay={"/n/x": 5, "/n/y": ONLY_NEW})
        await lose_session(server, client)
    assert asked(server) == [
        (["/a", "/b"], {"/a": -2, "/b": 17}),
        ("/n/*", {"/n/x": 5, "/n/y": -1}),
        ("/a", {"/a": -2}),
        ("/b", {"/b": 17}),
        ("/n/*", {"/n/x": 5, "/n/y": -1}),
    ]


@pytest.mark.spec("RPL-23")
async def test_positions_of_processed_events_outlive_the_client(server: ScriptedServer) -> None:
    kept: dict[str, Any] = {}
    async with client_of(server, replay=Replay(kept, otherwise=ALL_RETAINED)) as client:
        events = await client.subscribe("/n")
        server.push(event(5), event(8))
        await anext(events)
        await anext(events)  # and the program ends before it has treated this one
    assert kept == {"/n": {"id": 5, "epoch": "k"}}
    heard: list[Event] = []
    async with client_of(server, replay=Replay(kept)) as client:
        await client.subscribe("/n", callback=heard.append)
        server.push(event(8))
        await server.wait_for("/meta/connect", len(server.seen("/meta/connect")) + 1)
    assert [each.data for each in heard] == [8]
    assert kept == {"/n": {"id": 8, "epoch": "k"}}
    assert asked(server) == [("/n", {"/n": -2}), ("/n", {"/n": {"id": 5, "epoch": "k"}})]


def refusing(server: ScriptedServer, **errors: str) -> Any:
    """Refuses subscribes to these channels while they name a position."""

    def answer(message: Message) -> list[Message]:
        positions = message.get("ext", {}).get("replay", {})
        lost = [name for name in errors if positions.get(f"/{name}") not in (None, -1, -2)]
        if lost:
            return [reply(message, subscription=message["subscription"], successful=False, error=errors[lost[0]])]
        return [reply(message, subscription=message["subscription"])]

    return answer


GONE = "412:/n:replay_gap"


@pytest.mark.spec("RPL-20")
async def test_a_gap_is_raised_unless_agreed_otherwise(server: ScriptedServer) -> None:
    server.answers["/meta/subscribe"] = refusing(server, n=GONE)
    async with client_of(server) as client:
        with pytest.raises(ReplayGap, match=GONE):
            await client.subscribe("/n", replay=17)
        with pytest.RaisesGroup(ReplayGap):
            async with client.batch() as batch:
                batch.subscribe("/n", replay=17)


@pytest.mark.spec("RPL-15", "RPL-19", "RPL-20")
@pytest.mark.parametrize(("on_gap", "start"), [("all", -2), ("new", -1)])
async def test_after_a_gap_the_policy_subscribes_again(server: ScriptedServer, on_gap: Any, start: int) -> None:
    server.answers["/meta/subscribe"] = refusing(server, n=GONE, m="412:/m:replay_gap")
    async with client_of(server, replay=Replay(on_gap=on_gap)) as client:
        both = await client.subscribe("/n", "/m", replay={"/n": 17, "/m": 5})
        async with client.batch() as batch:
            batch.publish("/x", 1)
            other = batch.subscribe("/n", replay=18)
        server.push(event(3), event(4))
        assert [(await anext(each)).data for each in (both, other, both, other)] == [3, 3, 4, 4]
    assert asked(server) == [
        (["/n", "/m"], {"/n": 17, "/m": 5}),
        (["/n", "/m"], {"/n": start, "/m": 5}),
        (["/n", "/m"], {"/n": start, "/m": start}),
        ("/n", {"/n": 18}),
        ("/n", {"/n": start}),
    ]


@pytest.mark.spec("CLI-3", "RPL-20")
async def test_a_gap_after_a_new_handshake_ends_the_subscription(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        lost, fine = await client.subscribe("/n"), await client.subscribe("/m")
        server.push(event(100), event(7, "/m"))
        assert (await anext(lost)).data == 100
        assert (await anext(fine)).data == 7
        server.answers["/meta/subscribe"] = refusing(server, n=GONE)
        await lose_session(server, client)
        with pytest.raises(ReplayGap):
            await anext(lost)
        server.push(event(8, "/m"))
        assert (await anext(fine)).data == 8


@pytest.mark.spec("CLI-3", "RPL-20")
async def test_a_gap_after_a_new_handshake_is_bridged_by_the_policy(server: ScriptedServer) -> None:
    """The store was lost as well, and its ids began anew, below the last one."""
    async with client_of(server, replay=Replay(on_gap="all")) as client:
        events = await client.subscribe("/n")
        server.push(event(100))
        assert (await anext(events)).data == 100
        server.answers["/meta/subscribe"] = refusing(server, n=GONE)
        await lose_session(server, client)
        server.push(event(1), event(2))
        assert [(await anext(events)).data for _ in range(2)] == [1, 2]
    assert asked(server)[1:] == [("/n", {"/n": {"id": 100, "epoch": "k"}}), ("/n", {"/n": -2})]


@pytest.mark.spec("RPL-15")
async def test_the_policy_does_not_answer_other_refusals(server: ScriptedServer) -> None:
    server.answers["/meta/subscribe"] = refusing(server, n="403::subscribe_denied")
    async with client_of(server, replay=Replay(on_gap="all")) as client:
        with pytest.raises(SubscribeRefused):
            await client.subscribe("/n", replay=17)
        with pytest.raises(ValueError, match="replay"):
            await client.subscribe("/n", replay=-17)
    assert len(asked(server)) == 1


@pytest.mark.spec("RPL-21")
async def test_a_second_subscription_may_begin_earlier(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        first = await client.subscribe("/n")
        server.push(event(7))
        assert (await anext(first)).data == 7
        second = await client.subscribe("/n", replay=ALL_RETAINED)
        server.push(event(5), event(7), event(8))
        assert [(await anext(second)).data for _ in range(3)] == [5, 7, 8]
        assert (await anext(first)).data == 8
