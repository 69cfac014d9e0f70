"""Whose session a request may speak for: hijacks alone, in a batch, across transports, across users."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.options import Options
from bayeux.testing import ManualClock, MemoryTransport, Peer, still_server, turn

UNKNOWN = "402::session_unknown"


@pytest.mark.spec("COOK-3", "SES-4", "SEC-13", "WSEC-1")
async def test_a_stolen_client_id_is_nothing_without_the_cookie() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        thief = Peer(server).handshake()
        own = thief.client_id
        thief.client_id = alice.client_id
        assert thief.ask("/meta/connect")[0]["error"] == UNKNOWN
        second = thief.send(
            {"channel": "/a", "clientId": own, "data": 1},
            {"channel": "/a", "clientId": alice.client_id, "data": 1},
            {"channel": "/a", "clientId": own, "data": 1},
        ).sent[0]
        assert [reply.get("error") for reply in second] == [None, UNKNOWN, None]
        assert alice.connect().sent == [], "the owner's session is untouched"


@pytest.mark.spec("COOK-4")
@pytest.mark.expected_logs("sent no BAYEUX_BROWSER cookie")
async def test_without_any_cookie_a_session_is_trusted_only_by_option() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.browser = None
        assert alice.ask("/meta/connect")[0]["error"] == UNKNOWN
    async with still_server(ManualClock(), Options(trust_client_session=True)) as server:
        alice = Peer(server).handshake()
        alice.browser = None
        assert alice.ask("/meta/connect")[0]["successful"]


@pytest.mark.spec("SEC-42", "AG-103", "AG-102")
@pytest.mark.expected_logs("named the session of another")
@pytest.mark.parametrize("name", ["long-polling", "websocket"])
async def test_another_users_request_is_refused_even_with_the_cookie(name: str) -> None:
    """The same browser after somebody else signed in."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server, user="Agent1").handshake()
        thief = Peer(server, name, user="Agent2", browser=alice.browser)
        thief.client_id = alice.client_id
        assert thief.ask("/meta/connect")[0]["error"] == UNKNOWN


@pytest.mark.spec("SEC-42")
async def test_the_same_user_needs_no_cookie() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, user="Agent1").handshake()
        alice.browser = None
        assert alice.ask("/meta/connect")[0]["successful"]


@pytest.mark.spec("WS-30", "WS-32", "SEC-42", "NEG-3", "SES-3")
@pytest.mark.parametrize(
    ("rebind", "has_cookie", "is_bound"),
    [("bound", True, True), ("bound", False, False), ("clientid", False, True), ("never", True, False)],
)
async def test_who_may_continue_a_session_on_a_socket(rebind: Any, has_cookie: bool, is_bound: bool) -> None:
    async with still_server(ManualClock(), Options(ws_rebind=rebind)) as server:
        polls = Peer(server).handshake()
        browser = polls.browser if has_cookie else "another"
        socket = Peer(server, "websocket", browser=browser, arrived_at=server.clock() + 60)
        socket.client_id = polls.client_id
        reply = socket.ask("/meta/connect")[0]
        assert reply["successful"] is is_bound
        if not is_bound:
            assert reply["error"] == UNKNOWN


@pytest.mark.spec("WS-30")
@pytest.mark.parametrize("rebind", ["bound", "clientid"])
async def test_a_socket_may_have_to_handshake_itself(rebind: Any) -> None:
    """Neither a session of polls nor one of another socket is taken, whoever may continue it elsewhere."""
    options = Options(ws_rebind=rebind, ws_require_handshake_per_connection=True)
    async with still_server(ManualClock(), options) as server:
        polls, first = Peer(server).handshake(), Peer(server, "websocket").handshake()
        for owner in (polls, first):
            socket = Peer(server, "websocket", browser=owner.browser)
            socket.client_id = owner.client_id
            (refused,) = socket.ask("/meta/connect")
            assert (refused["error"], refused["advice"]["reconnect"]) == (UNKNOWN, "handshake")
            assert socket.ask("/meta/subscribe", subscription="/a")[0]["error"] == UNKNOWN
            assert socket.handshake().ask("/meta/connect")[0]["successful"]
            assert owner.ask("/meta/connect")[0]["successful"], "the owner's session is untouched"


@pytest.mark.spec("WS-30", "SES-3")
async def test_a_session_of_a_socket_may_still_go_on_by_polls() -> None:
    """Only sockets must handshake."""
    async with still_server(ManualClock(), Options(ws_require_handshake_per_connection=True)) as server:
        socket = Peer(server, "websocket").handshake()
        polls = Peer(server, browser=socket.browser)
        polls.client_id = socket.client_id
        assert polls.ask("/meta/connect")[0]["successful"]


@pytest.mark.spec("SEC-42", "WS-30")
@pytest.mark.parametrize(
    ("circumstances", "is_bound"),
    [
        ({}, True),
        ({"arrived_at": 1002.0}, True),
        ({"arrived_at": 1002.1}, False),
        ({"arrived_at": 989.9}, False),
        ({"peer": "10.0.0.2"}, False),
        ({"cookies": {"BAYEUX_BROWSER": "another1"}, "browser": "another1"}, False),
    ],
)
async def test_a_guest_may_use_the_socket_it_opened_before_it_had_a_cookie(
    circumstances: dict[str, Any], is_bound: bool
) -> None:
    """Faye's socket is opened while its handshake by POST is still under way."""
    async with still_server(ManualClock(1000.0)) as server:
        guest = Peer(server).handshake()
        socket = Peer(server, "websocket", **{"arrived_at": 999.0, "browser": "of-the-101", **circumstances})
        socket.client_id = guest.client_id
        assert socket.ask("/meta/connect")[0]["successful"] is is_bound


@pytest.mark.spec("WS-30")
async def test_a_bound_socket_serves_no_other_session_while_its_own_lives() -> None:
    async with still_server(ManualClock(), Options(ws_rebind="clientid")) as server:
        alice, bob = Peer(server, "websocket").handshake(), Peer(server, "websocket").handshake()
        own = alice.client_id
        alice.client_id = bob.client_id
        assert alice.ask("/meta/connect")[0]["error"] == UNKNOWN
        alice.client_id = own
        server.expire(alice.session)
        assert alice.socket is not None
        alice.socket.closed = False
        alice.client_id = bob.client_id
        assert alice.ask("/meta/connect")[0]["successful"], "its own is gone, and this is the first message"


@pytest.mark.spec("WS-30")
async def test_the_binding_to_a_dead_session_is_cleared() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        session = alice.session
        server.expire(session)
        assert alice.socket is not None
        alice.socket.closed = False
        assert alice.ask("/meta/connect")[0]["error"] == UNKNOWN
        assert alice.socket.session is None


@pytest.mark.spec("WS-14", "CN-11", "SES-8")
async def test_a_new_socket_takes_over_at_once_and_loses_nothing() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/w")
        alice.connect()
        old, alice.socket = alice.socket, MemoryTransport("websocket")
        assert old is not None
        old.sent.clear()
        server.publish("/w", 1)
        alice.connect()
        server.publish("/w", 2)
        await turn()
        assert old.sent == []
        assert [m["data"] for part in alice.socket.sent for m in part] == [1, 2]
        server.connection_lost(old)
        assert alice.session.held is not None, "the old socket's end is not the session's"


@pytest.mark.spec("SES-3", "NEG-4")
async def test_a_session_that_polls_again_is_not_pushed_to_any_more() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/w")
        alice.connect()
        socket, alice.socket, alice.name = alice.socket, None, "long-polling"
        assert socket is not None
        socket.sent.clear()
        alice.connect()
        held = alice.connect()
        server.publish("/w", 1)
        await turn()
        assert socket.sent == []
        assert held.sent[0][0]["data"] == 1
