"""What a session tells of itself, and what it can be told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.protocol.effects import EndReason
from bayeux.protocol.options import Options
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn


@pytest.mark.spec("SN-9", "SN-6")
@pytest.mark.parametrize(
    "way", ["timeout", "message", "connect", "disconnect", "kick", "connection lost", "shutdown", "expired"]
)
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_every_suspended_is_followed_by_one_resumed(way: str, transport: str) -> None:
    clock = ManualClock()
    news: list[str] = []
    async with still_server(clock, Options(timeout=5)) as server:
        server.listeners.suspended.append(lambda session, message: news.append(f"suspended {message.id}"))
        server.listeners.resumed.append(lambda session, is_timeout: news.append(f"resumed {is_timeout}"))
        alice = Peer(server, transport).handshake()
        session = alice.session
        session.listeners.resumed.append(lambda session, is_timeout: news.append("its own"))
        alice.connect()
        alice.connect()
        assert news == ["suspended 3"]
        match way:
            case "timeout":
                await pass_time(server, clock, 6)
            case "message" if transport == "websocket":
                session.connect_only = True
                session.deliver("/a", 1)
            case "message":
                session.deliver("/a", 1)
            case "connect":
                alice.connect(advice={"timeout": 0})
            case "disconnect":
                alice.ask("/meta/disconnect")
            case "kick":
                session.disconnect()
            case "connection lost":
                alice.lose_connection()
            case "expired":
                server.expire(session)
        await turn()
        if way != "shutdown":
            assert news[1:] == [f"resumed {way == 'timeout'}", "its own"]
    assert news[1:] == [f"resumed {way == 'timeout'}", "its own"]


@pytest.mark.spec("SN-10")
async def test_being_there_is_more_than_having_a_session() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = Peer(server).handshake()
        session = alice.session
        assert (session.is_connected, session.is_reachable, session.away_since) == (False, False, clock.now)
        alice.connect()
        alice.connect()
        assert (session.is_connected, session.is_reachable, session.away_since) == (True, True, None)
        await pass_time(server, clock, 3)
        left_at = clock.now
        alice.lose_connection()
        await pass_time(server, clock, 2)
        assert (session.is_connected, session.is_reachable, session.away_since) == (True, False, left_at)
        socket = Peer(server, "websocket").handshake().session
        assert socket.is_reachable


@pytest.mark.spec("SN-1", "HS-15")
async def test_a_session_tells_who_it_is() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = Peer(server, "websocket", user="alice", peer="192.0.2.7", headers={"user-agent": "Desk/1"}).handshake()
        session = alice.session
        assert server.session(session.id) is session
        assert (session.user, session.peer, session.user_agent) == ("alice", "192.0.2.7", "Desk/1")
        assert (session.is_local, session.begun_at, session.roles) == (False, clock.now, frozenset())
        clock.advance(5)
        alice.subscribe("/a")
        assert (session.last_seen_at, session.subscriptions) == (clock.now, {"/a"})
        alice.ask("/meta/disconnect")
        assert session.is_over
        assert server.session(session.id) is None


@pytest.mark.spec("SN-3")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_events_of_a_batch_leave_together_at_its_end(transport: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, transport).handshake()
        alice.connect()
        alice.connect()
        with alice.session.batch():
            alice.session.deliver("/a", 1)
            await turn()
            with alice.session.batch():
                alice.session.deliver("/a", 2)
            await turn()
            assert alice.events == []
            if transport == "long-polling":
                alice.publish("/b", 0)
                assert alice.events == []
        await turn()
        assert [event["data"] for event in alice.events] == [1, 2]


@pytest.mark.spec("SN-3")
async def test_a_batch_that_raises_still_ends() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()

        def fail() -> None:
            with alice.session.batch():
                alice.session.deliver("/a", 1)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        await turn()
        assert [event["data"] for event in alice.events] == [1]


@pytest.mark.spec("SN-4", "DSC-6")
async def test_disconnecting_is_idempotent_and_may_have_a_reason() -> None:
    async with still_server(ManualClock()) as server:
        ends = []
        server.listeners.session_removed.append(lambda session, reason: ends.append(reason))
        session = Peer(server).handshake().session
        session.disconnect(EndReason.REVOKED)
        session.disconnect()
        assert ends == [EndReason.REVOKED]
        assert server.counters.session_ends == {"revoked": 1}


@pytest.mark.spec("SN-5", "ADV-4", "SES-10")
async def test_a_session_with_times_of_its_own_is_advised_of_them() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = Peer(server).handshake()
        assert "advice" not in alice.connect().sent[0][-1]
        alice.session.timeout, alice.session.interval, alice.session.max_interval = 2.0, 1.0, 4.0
        held = alice.connect()
        await pass_time(server, clock, 2.5)
        assert held.sent[0][-1]["advice"] == {"reconnect": "retry", "interval": 1000, "timeout": 2000}
        await pass_time(server, clock, 4.5)
        assert not alice.session.is_over
        session = alice.session
        await pass_time(server, clock, 1.5)
        assert session.is_over


@pytest.mark.spec("SES-9")
async def test_a_connect_whose_processing_never_ends_costs_the_session_where_that_is_bounded() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(max_processing=3)) as server:
        alice = Peer(server).handshake()

        async def never(*_: Any) -> None:
            await asyncio.Event().wait()

        server.on("/meta/connect", never)
        alice.connect()
        session = alice.session
        await pass_time(server, clock, 2)
        assert not session.is_over
        await pass_time(server, clock, 2)
        assert session.is_over


@pytest.mark.spec("SN-2", "DEL-7")
async def test_a_delivery_says_whether_it_was_taken() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        session = alice.session
        assert session.deliver("/a", 1)
        session.listeners.message.append(lambda session, event: event["data"] != "vetoed")
        assert not session.deliver("/a", "vetoed")
        session.disconnect()
        assert not session.deliver("/a", 1)


@pytest.mark.spec("SRV-9", "DEL-8")
async def test_many_sessions_are_sent_one_encoding() -> None:
    async with still_server(ManualClock()) as server:
        peers = [Peer(server).handshake() for _ in range(3)]
        peers[2].session.disconnect()
        assert server.deliver([peer.session for peer in peers[:2]], "/a", 1) == 2
        first, second = (peer.session.queue.messages[0] for peer in peers[:2])
        assert first is second
