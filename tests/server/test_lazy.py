"""Lazy messages: they wait for company, and never longer than they may."""

from __future__ import annotations

import pytest

from bayeux.protocol.options import Options
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn

BOTH = pytest.mark.parametrize("transport", ["long-polling", "websocket"])


async def connected(peer: Peer) -> Peer:
    """Handshaken, subscribed, and with a connect held."""
    peer.handshake().connect()
    peer.subscribe("/a/**")
    peer.connect()
    return peer


@BOTH
@pytest.mark.spec("Q-10", "Q-11", "Q-13", "CN-5", "MSGX-5")
async def test_a_lazy_message_waits_for_its_timeout_and_wakes_nothing_before(transport: str) -> None:
    clock = ManualClock()
    async with still_server(clock, Options(max_lazy_timeout=3)) as server:
        alice = await connected(Peer(server, transport))
        server.publish("/a/x", 1, lazy=True)
        await pass_time(server, clock, 2.5)
        assert alice.events == []
        await pass_time(server, clock, 1)
        assert [event["data"] for event in alice.events] == [1]


@BOTH
@pytest.mark.spec("Q-11", "Q-12")
async def test_any_other_event_takes_it_along_in_order(transport: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = await connected(Peer(server, transport))
        server.publish("/a/x", 1, lazy=True)
        server.publish("/a/x", 2)
        await turn()
        assert [event["data"] for event in alice.events] == [1, 2]


@pytest.mark.spec("Q-12")
async def test_the_response_to_a_publish_takes_it_along() -> None:
    async with still_server(ManualClock()) as server:
        alice = await connected(Peer(server))
        server.publish("/a/x", 1, lazy=True)
        assert [message.get("data") for message in alice.publish("/b", 0)] == [1, None]


@pytest.mark.spec("CN-5", "Q-12")
async def test_a_connect_is_held_although_lazy_events_wait_and_its_timeout_takes_them() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(timeout=2)) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.session.deliver("/a", 1, lazy=True)
        held = alice.connect()
        assert not held.closed
        await pass_time(server, clock, 2.5)
        assert [message["channel"] for message in held.sent[0]] == ["/a", "/meta/connect"]


@pytest.mark.spec("Q-10", "CHN-2")
@pytest.mark.parametrize(
    ("lazy", "is_lazy"), [("/a/x", True), ("/a/*", True), ("/**", True), ("/a", False), ("/b/*", False)]
)
async def test_a_channel_is_lazy_by_itself_or_by_a_pattern_but_not_by_its_parent(lazy: str, is_lazy: bool) -> None:
    async with still_server(ManualClock()) as server:
        alice = await connected(Peer(server))
        server.create_channel_if_absent(lazy)[0].lazy = True
        server.publish("/a/x", 1)
        await turn()
        assert (alice.events == []) is is_lazy


@pytest.mark.spec("Q-10")
async def test_what_is_delivered_directly_is_not_lazy_because_of_its_channel() -> None:
    async with still_server(ManualClock()) as server:
        alice = await connected(Peer(server))
        server.create_channel_if_absent("/a/x", lambda channel: setattr(channel, "lazy", True))
        alice.session.deliver("/a/x", 1)
        await turn()
        assert [event["data"] for event in alice.events] == [1]


@pytest.mark.spec("Q-11", "CHN-2")
async def test_a_shorter_lazy_timeout_moves_the_timer_earlier_and_a_longer_one_never_later() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = await connected(Peer(server))
        for name, timeout in (("/a/slow", 4.0), ("/a/quick", 1.0), ("/a/slowest", 9.0)):
            server.create_channel_if_absent(name)[0].lazy_timeout = timeout
            server.publish(name, timeout)
        await pass_time(server, clock, 0.8)
        assert alice.events == []
        await pass_time(server, clock, 0.5)
        assert [event["data"] for event in alice.events] == [4, 1, 9]


@pytest.mark.spec("Q-11")
async def test_a_lazy_timeout_of_nothing_means_at_once() -> None:
    async with still_server(ManualClock(), Options(max_lazy_timeout=0)) as server:
        alice = await connected(Peer(server))
        server.publish("/a/x", 1, lazy=True)
        await turn()
        assert [event["data"] for event in alice.events] == [1]


@pytest.mark.spec("CHN-2", "Q-10")
async def test_a_channel_made_not_lazy_forgets_its_time() -> None:
    """It stayed lazy as long as it had a ``lazy_timeout``, whatever ``lazy`` said."""
    async with still_server(ManualClock()) as server:
        channel, _ = server.create_channel_if_absent("/a")
        channel.lazy_timeout = 3.0
        assert channel.lazy
        channel.lazy = False
        assert (channel.lazy, channel.lazy_timeout) == (False, 0.0)
