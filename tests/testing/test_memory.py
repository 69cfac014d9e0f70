"""Peers and transports in memory: what one message gets, and through what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, MemoryTransport, Peer, still_server, turn


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    async with still_server(ManualClock()) as server:
        yield server


async def test_each_message_gets_its_answer(server: BayeuxServer) -> None:
    alice = Peer(server).handshake()
    assert alice.connect().sent[0][-1]["successful"]
    assert alice.subscribe("/a") == {
        "id": "3", "channel": "/meta/subscribe", "subscription": "/a", "successful": True
    }  # fmt: skip
    assert alice.publish("/a", 1) == [
        {"channel": "/a", "data": 1},
        {"id": "4", "channel": "/a", "successful": True},
    ]
    assert [each["channel"] for each in alice.heard][-3:] == ["/meta/subscribe", "/a", "/a"]
    assert (len(alice.events), len(alice.replies)) == (1, 4)


async def test_a_poll_is_answered_once_a_socket_at_any_time(server: BayeuxServer) -> None:
    poll = Peer(server).handshake().connect()
    assert (poll.closed, poll.streaming) == (True, False)
    alice = Peer(server, "websocket").handshake()
    alice.connect()
    alice.subscribe("/a")
    server.publish("/a", 1)
    await turn()
    assert alice.socket is not None
    assert alice.socket.sent[-1] == [{"channel": "/a", "data": 1}]
    assert not alice.socket.closed


async def test_a_closed_socket_is_replaced_by_the_next_message(server: BayeuxServer) -> None:
    alice = Peer(server, "websocket").handshake()
    alice.connect()
    former = alice.socket
    alice.lose_connection()
    assert alice.connect() is alice.socket is not former
    assert alice.session.transport is alice.socket


async def test_a_transport_of_the_tests_own_is_heard_too(server: BayeuxServer) -> None:
    alice = Peer(server, "websocket")
    alice.socket = MemoryTransport("websocket")
    assert alice.handshake().client_id is not None


async def test_a_refused_handshake_fails_the_test() -> None:
    class Refuses(SecurityPolicy):
        def can_handshake(self, *_: Any) -> bool:
            return False

    async with still_server(ManualClock(), policy=Refuses()) as server:
        with pytest.raises(AssertionError, match="403:"):
            Peer(server).handshake()


async def test_a_peer_is_awaited_where_a_hook_is() -> None:
    class Waits(SecurityPolicy):
        async def can_handshake(self, *_: Any) -> bool:
            await asyncio.sleep(0.001)
            return True

    async with still_server(ManualClock(), policy=Waits()) as server:
        alice = Peer(server).handshake()
        assert (alice.is_answered, alice.client_id) == (False, None)
        assert (await alice).session.client_id == alice.client_id
        assert alice.is_answered
