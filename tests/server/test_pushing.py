"""Events leave for sockets by a short way where there is nothing to ask; both ways write the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.server import pushing
from bayeux.server.flusher import CONNECTS_A_TURN
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.testing import Peer, turn
from tests.server.test_short_way import action, chosen_options, converse


def write_each(server: BayeuxServer, sessions: Sequence[ServerSession], most_answers: int) -> list[ServerSession]:
    """The long way, for every session; there are too few for a slice."""
    for session in sessions:
        session.is_marked = False
        pushing.write(server, session)
    return []


@pytest.mark.expected_logs("guarded channels can be seen", "the security policy raised", "a service channel")
@pytest.mark.spec("WS-10", "BAT-4", "CN-5", "DEL-1")
@settings(max_examples=100, deadline=None)
@given(schedule=st.lists(action, min_size=25, max_size=60), chosen=chosen_options)
def test_the_short_way_and_the_long_way_write_the_same(schedule: list[tuple[Any, ...]], chosen: dict[str, Any]) -> None:
    """Frame by frame and byte by byte, and in what is counted."""
    short = asyncio.run(converse(schedule, chosen, None))
    with patch.object(pushing, "write_all", write_each):
        long = asyncio.run(converse(schedule, chosen, None))
    assert short == long


def subscriber(server: BayeuxServer) -> Peer:
    peer = Peer(server, "websocket").handshake()
    peer.connect()
    peer.subscribe("/a")
    return peer


@pytest.mark.interpreted("compiled modules call one another directly: nothing can be put between")
async def test_only_a_session_with_something_to_ask_takes_the_long_way() -> None:
    """Otherwise the test above would compare the long way with itself."""
    async with BayeuxServer() as server:
        alice = subscriber(server)
        with patch.object(pushing, "write", wraps=pushing.write) as long:
            server.publish("/a", 1)
            await turn()
            assert not long.called
            alice.session.is_traced = True
            server.publish("/a", 2)
            await turn()
            assert long.called


@pytest.mark.spec("SEC-92", "WS-10")
async def test_a_socket_does_not_wait_for_the_held_connects_in_front_of_it() -> None:
    """It was told behind all of them, after so many turns of reading what their clients sent next."""
    async with BayeuxServer() as server:
        held = []
        for _ in range(3 * CONNECTS_A_TURN):
            peer = Peer(server).handshake()
            peer.connect()
            peer.subscribe("/a")
            held.append(peer.connect())
        alice = subscriber(server)
        server.publish("/a", 1)
        await asyncio.sleep(0)
        assert [event["data"] for event in alice.events] == [1]
        assert [each.closed for each in held] == [True] * CONNECTS_A_TURN + [False] * 2 * CONNECTS_A_TURN
        server.publish("/a", 2)
        for _ in range(2):
            await asyncio.sleep(0)
        assert all(each.closed for each in held)
        assert [event["data"] for event in alice.events] == [1, 2]
        assert [event["data"] for event in held[-1].sent[-1][:-1]] == [1, 2]


@pytest.mark.expected_logs("writing to a session failed")
async def test_one_broken_socket_does_not_silence_the_others() -> None:
    async with BayeuxServer() as server:
        first, broken, last = (subscriber(server) for _ in range(3))
        with patch.object(broken.socket, "send", side_effect=OSError("it went while it was written")):
            server.publish("/a", 1)
            await turn()
        assert [event["data"] for peer in (first, last) for event in peer.events] == [1, 1]
