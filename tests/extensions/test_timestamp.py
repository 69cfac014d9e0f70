"""The timestamp of everything that is sent."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.extensions.timestamp import Timestamp
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn


@pytest.mark.spec("TST-1", "TST-2", "TST-3")
async def test_every_event_and_reply_says_when_it_was_sent() -> None:
    clock, wall = ManualClock(), ManualClock(1935662400.25)
    async with still_server(clock) as server:
        server.extensions.add(Timestamp(clock=wall))
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        alice.subscribe("/n")
        bob.subscribe("/n")
        for peer in (alice, bob):
            peer.connect()
            peer.connect()
        wall.advance(1)
        server.publish("/n", "news")
        wall.advance(1)
        await turn()
        assert (
            alice.events == bob.events == [{"channel": "/n", "data": "news", "timestamp": "2031-05-04T12:00:01.250Z"}]
        )
        assert [reply["timestamp"] for reply in alice.replies] == [
            *["2031-05-04T12:00:00.250Z"] * 3,
            "2031-05-04T12:00:02.250Z",
        ]


@pytest.mark.spec("TST-1")
async def test_a_refusal_and_a_direct_delivery_have_one_too() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Timestamp())
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        assert "timestamp" in alice.publish("/*", 1)[-1]
        alice.session.deliver("/n", 1)
        await turn()
        assert "timestamp" in alice.events[-1]


@pytest.mark.spec("TST-4")
@pytest.mark.parametrize("is_on", [True, False])
async def test_that_of_a_publisher_is_replaced_or_passed_through(is_on: bool) -> None:
    async with still_server(ManualClock()) as server:
        if is_on:
            server.extensions.add(Timestamp())
        alice = Peer(server).handshake()
        alice.subscribe("/n")
        event, reply = alice.publish("/n", 1, timestamp="noon")
        assert (event["timestamp"] == "noon") is not is_on
        assert ("timestamp" in reply) is is_on


@pytest.mark.spec("TST-2")
async def test_it_can_be_written_otherwise() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(Timestamp(written=lambda seconds: f"{seconds:g} s", clock=lambda: 7))
        reply: Any = Peer(server).handshake().replies[0]
        assert reply["timestamp"] == "7 s"


@pytest.mark.spec("TST-1")
async def test_the_reply_of_a_held_connect_tells_the_time_of_its_end() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        server.extensions.add(Timestamp(written=str, clock=clock))
        alice = Peer(server).handshake()
        alice.connect()
        alice.connect()
        begun = clock.now
        await pass_time(server, clock, 31)
        assert float(alice.replies[-1]["timestamp"]) >= begun + 30
