"""Conversations in memory: said in order, heard in order, also where hooks are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.protocol.options import Options
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import Conversation, ManualClock, memory, pass_time, still_server

BOTH = pytest.mark.parametrize("transport", ["long-polling", "websocket"])


class AsksElsewhere(SecurityPolicy):
    """Waits for a database, as applications do."""

    async def can_handshake(self, server: Any, session: Any, message: Any) -> bool:
        await asyncio.sleep(0.001)
        return message.ext.get("token") == "right"

    async def can_subscribe(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
        await asyncio.sleep(0.001)
        return not channel.text.startswith("/secret")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncIterator[BayeuxServer]:
    async with still_server(clock) as server:
        yield server


@pytest.fixture
async def strict_server(clock: ManualClock) -> AsyncIterator[BayeuxServer]:
    async with still_server(clock, policy=AsksElsewhere()) as server:
        yield server


def event(channel: str, data: Any) -> dict[str, Any]:
    return {"channel": channel, "data": data}


@BOTH
async def test_what_one_says_another_hears(server: BayeuxServer, transport: str) -> None:
    bob = Conversation(server, transport).handshake().connect().subscribe("/chat/*").connect()
    alice = Conversation(server, transport).handshake().publish("/chat/room", "hi")
    assert (alice.reply["channel"], alice.reply["successful"]) == ("/chat/room", True)
    await bob
    assert bob.events == [event("/chat/room", "hi")]


async def test_a_poll_is_held_until_there_is_an_event(server: BayeuxServer) -> None:
    bob = Conversation(server).handshake().connect().subscribe("/a").connect()
    assert bob.is_held
    server.publish("/a", 1)
    await bob
    assert not bob.is_held
    server.publish("/a", 2)
    await bob
    assert bob.take_events() == [event("/a", 1)]
    assert bob.connect().take_events() == [event("/a", 2)], "it waited for the next connect"
    assert bob.events == []


@BOTH
async def test_who_stays_connected_hears_all(server: BayeuxServer, transport: str) -> None:
    bob = await Conversation(server, transport).handshake().stay_connected().subscribe("/a")
    for number in range(3):
        server.publish("/a", number)
        await bob
    assert [each["data"] for each in bob.events] == [0, 1, 2]
    assert bob.is_held


async def test_who_is_sent_away_stays_away(server: BayeuxServer) -> None:
    bob = await Conversation(server).handshake().stay_connected()
    bob.session.disconnect()
    await bob
    assert bob.reply["advice"]["reconnect"] == "none"
    said = len(bob.replies)
    await bob
    assert len(bob.replies) == said


async def test_who_is_advised_to_pause_does_not_hurry(server: BayeuxServer) -> None:
    """A second tab of the same browser polls: the pause is the test's to make."""
    first = await Conversation(server).handshake().stay_connected()
    second = await Conversation(server, browser=first.peer.browser).handshake().stay_connected()
    assert second.reply["advice"]["multiple-clients"] is True
    said = len(second.replies)
    await second
    assert len(second.replies) == said


async def test_each_step_waits_for_the_hooks_of_the_one_before(strict_server: BayeuxServer) -> None:
    alice = (
        Conversation(strict_server).handshake(ext={"token": "right"}).connect().subscribe("/a", "/b").publish("/a", 1)
    )
    with pytest.raises(RuntimeError, match="await the conversation"):
        _ = alice.events
    await alice
    assert [reply["channel"] for reply in alice.replies] == [
        "/meta/handshake",
        "/meta/connect",
        "/meta/subscribe",
        "/a",
    ]
    assert alice.events == [event("/a", 1)]


async def test_a_refusal_is_a_reply(strict_server: BayeuxServer) -> None:
    alice = await Conversation(strict_server).handshake(ext={"token": "right"}).subscribe("/secret")
    assert alice.reply["error"].startswith("403:")
    mallory = await Conversation(strict_server).handshake(ext={"token": "guessed"})
    assert mallory.reply["error"].startswith("403:")
    assert mallory.client_id is None


async def test_what_needs_a_session_says_why_there_is_none(strict_server: BayeuxServer) -> None:
    with pytest.raises(AssertionError, match="say handshake"):
        Conversation(strict_server).connect()
    with pytest.raises(AssertionError, match=r"handshake was answered .*403:"):
        await Conversation(strict_server).handshake().connect().subscribe("/a")


async def test_a_hook_that_never_ends_fails_the_test(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    class Hangs(SecurityPolicy):
        async def can_handshake(self, *_: Any) -> bool:
            return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(memory, "PATIENCE", 0.01)
    async with still_server(clock, policy=Hangs()) as server:
        with pytest.raises(TimeoutError, match="which hook does it await"):
            await Conversation(server).handshake()


async def test_a_batch_is_one_request(server: BayeuxServer) -> None:
    alice = Conversation(server).handshake()
    alice.batch(
        {"channel": "/meta/subscribe", "subscription": "/a"},
        {"channel": "/a", "data": 1},
        {"channel": "/a", "data": 2, "ext": {"urgent": True}},
    )
    assert [reply["channel"] for reply in alice.replies[1:]] == ["/meta/subscribe", "/a", "/a"]
    assert alice.events == [event("/a", 1), {**event("/a", 2), "ext": {"urgent": True}}]


async def test_who_unsubscribed_or_left_hears_nothing(server: BayeuxServer) -> None:
    alice = Conversation(server, "websocket").handshake().connect().subscribe("/a", "/b").unsubscribe("/a")
    server.publish("/a", 1)
    server.publish("/b", 2)
    await alice
    assert alice.events == [event("/b", 2)]
    alice.disconnect()
    assert (alice.reply["channel"], len(server.sessions)) == ("/meta/disconnect", 0)


@BOTH
async def test_a_lost_connection_costs_no_event(server: BayeuxServer, transport: str) -> None:
    bob = Conversation(server, transport).handshake().connect().subscribe("/a").connect().lose_connection()
    assert not bob.is_held
    server.publish("/a", "while away")
    await bob
    assert bob.events == []
    await bob.connect()
    assert bob.events == [event("/a", "while away")]


@BOTH
async def test_a_session_expires_without_its_connect(server: BayeuxServer, clock: ManualClock, transport: str) -> None:
    bob = Conversation(server, transport).handshake().connect().connect().lose_connection()
    await pass_time(server, clock, 60)
    assert len(server.sessions) == 0
    bob.connect()
    assert bob.reply["error"] == "402::session_unknown"


async def test_requests_carry_what_they_are_given(clock: ManualClock) -> None:
    class Knows(SecurityPolicy):
        def can_handshake(self, server: Any, session: Any, message: Any) -> bool:
            return message.context.headers["authorization"] == "Bearer 1" and message.context.user == "alice"

    async with still_server(clock, policy=Knows()) as server:
        alice = Conversation(server, user="alice", headers={"authorization": "Bearer 1"}).handshake()
        assert alice.session.user == "alice"


@pytest.mark.spec("PUB-2")
async def test_anonymous_publishes_need_no_handshake(clock: ManualClock) -> None:
    async with still_server(clock, Options(allow_anonymous_publish=True)) as server:
        nobody = Conversation(server).publish("/a", 1)
        assert nobody.reply["successful"]


@pytest.mark.spec("HS-4")
async def test_a_strict_server_accepts_the_usual_handshake(clock: ManualClock) -> None:
    async with still_server(clock, Options(strict_handshake=True)) as server:
        assert Conversation(server).handshake().reply["successful"]
        assert not Conversation(server).handshake(version=None).reply["successful"]


async def test_nothing_said_nothing_answered(server: BayeuxServer) -> None:
    with pytest.raises(AssertionError, match="nothing was answered"):
        _ = Conversation(server).reply
    with pytest.raises(AssertionError, match="no session"):
        _ = Conversation(server).session
