"""Sessions of users who do nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.extensions.activity import Activity
from bayeux.protocol.effects import EndReason
from bayeux.protocol.options import Options
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn

KEEPS_SESSIONS = Options(max_interval=1000.0)


def poll(peer: Peer) -> list[dict[str, Any]]:
    """A connect that is answered at once, as clients send it all the time; all that comes back."""
    heard_before = len(peer.heard)
    peer.connect(advice={"timeout": 0})
    return peer.heard[heard_before:]


def farewell(id: str) -> list[dict[str, Any]]:
    return [
        {"channel": "/meta/disconnect", "successful": True},
        {
            "id": id,
            "channel": "/meta/connect",
            "successful": False,
            "error": "402::session_unknown",
            "advice": {"reconnect": "none", "interval": 0},
        },
    ]


@pytest.mark.spec("ACT-3", "ACT-4", "ACT-5", "DSC-6")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_an_inactive_client_is_told_not_to_come_back(transport: str) -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        ended: list[Any] = []
        server.listeners.session_removed.add(lambda session, reason: ended.append(reason))
        server.extensions.add(Activity(60))
        alice = Peer(server, transport).handshake()
        for _ in range(6):
            clock.advance(10)
            assert poll(alice)[0]["successful"]
        assert not ended
        clock.advance(1)
        assert poll(alice) == farewell("8")
        assert ended == [EndReason.INACTIVE]
        assert poll(alice)[-1]["error"] == "402::session_unknown"


@pytest.mark.spec("ACT-4", "DSC-6")
async def test_what_waits_for_an_inactive_client_comes_before_the_news() -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        server.extensions.add(Activity(60))
        alice = Peer(server).handshake()
        poll(alice)
        clock.advance(61)
        alice.session.deliver("/n", 1)
        assert poll(alice) == [{"channel": "/n", "data": 1}, *farewell("3")]


@pytest.mark.spec("ACT-3")
async def test_a_connect_that_is_held_is_let_be() -> None:
    """The look is taken when a connect arrives, so a session may last one time-out longer."""
    clock = ManualClock()
    async with still_server(clock, Options(timeout=100.0, max_interval=1000.0)) as server:
        server.extensions.add(Activity(60))
        alice = Peer(server).handshake()
        poll(alice)
        held = alice.connect()
        await pass_time(server, clock, 90)
        assert not held.sent
        await pass_time(server, clock, 11)
        assert held.sent[0][0]["successful"]
        assert poll(alice) == farewell("4")


@pytest.mark.spec("ACT-2", "ACT-6")
@pytest.mark.parametrize("mode", ["client", "client_server"])
@pytest.mark.parametrize(
    ("say", "is_activity"),
    [
        (lambda peer: peer.subscribe("/n"), True),
        (lambda peer: peer.publish("/n", 1), True),
        (lambda peer: peer.publish("/service/n", 1), True),
        (poll, False),
        (lambda peer: peer.connect(advice={"timeout": 0}, ext={"ack": 1, "timesync": {"tc": 0}}), False),
    ],
)
async def test_everything_a_client_says_but_a_connect_is_activity(say: Any, is_activity: bool, mode: Any) -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        server.extensions.add(Activity(60, mode=mode))
        alice = Peer(server).handshake()
        poll(alice)
        clock.advance(50)
        say(alice)
        clock.advance(50)
        assert poll(alice)[-1]["successful"] is is_activity


@pytest.mark.spec("ACT-2")
@pytest.mark.parametrize(("mode", "is_activity"), [("client", False), ("client_server", True)])
@pytest.mark.parametrize("is_direct", [True, False])
async def test_what_a_client_is_sent_is_activity_if_asked_for(mode: Any, is_activity: bool, is_direct: bool) -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        server.extensions.add(Activity(60, mode=mode))
        alice = Peer(server).handshake()
        alice.subscribe("/n")
        poll(alice)
        clock.advance(50)
        if is_direct:
            alice.session.deliver("/n", 1)
        else:
            server.publish("/n", 1)
        clock.advance(50)
        assert poll(alice)[-1]["successful"] is is_activity


@pytest.mark.spec("ACT-1")
async def test_single_sessions_can_be_watched() -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        clock.advance(100)
        alice.session.extensions.add(Activity(60))
        assert poll(alice)[-1]["successful"]
        clock.advance(61)
        assert poll(bob)[-1]["successful"]
        assert poll(alice) == farewell("3")


@pytest.mark.spec("ACT-1")
async def test_how_long_can_be_chosen_by_session() -> None:
    class ByRole(Activity):
        def max_inactivity_of(self, session: Any, message: Any) -> float | None:
            assert message.channel.text == "/meta/handshake"
            return None if message.ext.get("screen") else 10

    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        server.extensions.add(ByRole(60))
        wall, alice = Peer(server).handshake(ext={"screen": True}), Peer(server).handshake()
        clock.advance(11)
        assert poll(wall)[-1]["successful"]
        assert not poll(alice)[-1]["successful"]


@pytest.mark.spec("ACT-1")
async def test_sessions_that_were_there_before_are_watched_from_their_next_message_on() -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        alice = Peer(server).handshake()
        clock.advance(100)
        server.extensions.add(Activity(60))
        assert poll(alice)[-1]["successful"]
        clock.advance(61)
        assert not poll(alice)[-1]["successful"]


@pytest.mark.spec("ACT-4", "GEN-1")
async def test_a_listener_of_the_end_may_be_awaited() -> None:
    clock = ManualClock()
    async with still_server(clock, KEEPS_SESSIONS) as server:
        told = asyncio.Event()

        async def remember(session: Any, reason: EndReason) -> None:
            await told.wait()

        server.listeners.session_removed.add(remember)
        server.extensions.add(Activity(60))
        alice = Peer(server).handshake()
        clock.advance(61)
        sent = alice.connect()
        await turn()
        assert not sent.sent
        told.set()
        await alice
        assert sent.sent == [farewell("2")]


async def test_strangers_are_no_concern_of_it() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Activity(60))
        stranger = Peer(server)
        stranger.client_id = "unknown"
        assert poll(stranger)[0]["advice"] == {"reconnect": "handshake", "interval": 0}
        assert stranger.publish("/n", 1)[0]["error"] == "402::session_unknown"


@pytest.mark.parametrize("wrong", [{"max_inactivity": 0}, {"max_inactivity": -1}, {"max_inactivity": 1, "mode": "all"}])
def test_wrong_options_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError):
        Activity(**wrong)
