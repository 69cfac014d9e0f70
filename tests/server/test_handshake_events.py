"""Events that follow the handshake reply where the application wants it (HS-14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.protocol.encoded import Batch
from bayeux.protocol.options import Options
from bayeux.server.extension import Extension
from bayeux.server.security import Denied, SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, MemoryTransport, Peer, still_server, turn

spec = pytest.mark.spec

TRANSPORTS = ("websocket", "long-polling", "callback-polling")
OPTIONS = Options(transports=TRANSPORTS)
WITH_EVENTS = OPTIONS.replaced({"allow_message_delivery_during_handshake": True})


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    """Delivers ``one`` and ``two`` to whoever begins a session."""
    async with still_server(ManualClock(), WITH_EVENTS) as server:

        @server.listeners.session_added
        def greet(session: Any, message: Any) -> None:
            session.deliver("/hi", "one")
            session.deliver("/hi", "two")

        yield server


@pytest.fixture(params=TRANSPORTS)
def peer(server: BayeuxServer, request: pytest.FixtureRequest) -> Peer:
    """A client over each transport in turn."""
    return Peer(server, request.param)


def values(messages: list[dict[str, Any]]) -> list[Any]:
    """What tells the messages of a wire apart."""
    return [message.get("data", message["channel"]) for message in messages]


@spec("HS-14", "BAT-5")
async def test_they_follow_the_reply_which_says_how_many(peer: Peer) -> None:
    peer.handshake()
    assert peer.heard[0]["x-messages"] == 2
    assert values(peer.heard) == ["/meta/handshake", "one", "two"]
    assert len(peer.session.queue) == 0


@spec("HS-14", "LP-13")
@pytest.mark.parametrize("name", ["long-polling", "callback-polling"])
async def test_one_http_response_has_them_all(server: BayeuxServer, name: str) -> None:
    peer = Peer(server, name)
    (part,) = peer.send(peer.message("/meta/handshake")).sent
    assert values(part) == ["/meta/handshake", "one", "two"]


@spec("HS-14", "WS-11", "WS-13")
async def test_a_socket_gets_them_in_frames_of_their_own(server: BayeuxServer) -> None:
    """And nothing else before the client's next message."""
    peer = Peer(server, "websocket")
    socket = peer.send(peer.message("/meta/handshake"))
    assert [values(part) for part in socket.sent] == [["/meta/handshake"], ["one", "two"]]
    peer.session.deliver("/hi", "three")
    await turn()
    assert len(socket.sent) == 2
    peer.connect()
    await turn()
    assert "three" in values(peer.heard)


@spec("HS-14", "HS-11")
async def test_by_default_they_wait_for_the_connect(peer: Peer) -> None:
    peer.server.options = OPTIONS
    peer.handshake()
    assert "x-messages" not in peer.heard[0]
    assert values(peer.heard) == ["/meta/handshake"]
    peer.connect()
    await turn()
    assert [event["data"] for event in peer.events] == ["one", "two"]


@spec("HS-14")
async def test_without_events_there_is_no_number(peer: Peer) -> None:
    peer.server.listeners.session_added.clear()
    peer.handshake()
    assert "x-messages" not in peer.heard[0]
    assert len(peer.heard) == 1


@spec("HS-14", "SN-5")
async def test_each_session_can_have_it_its_own_way(peer: Peer) -> None:
    def choose(session: Any, message: Any) -> None:
        session.allow_message_delivery_during_handshake = bool(message.get("eager"))

    peer.server.listeners.session_added.append(choose)
    peer.handshake()
    assert values(peer.heard) == ["/meta/handshake"]
    peer.server.options = OPTIONS
    peer.heard.clear()
    peer.handshake(eager=True)
    assert values(peer.heard) == ["/meta/handshake", "one", "two"]


@spec("HS-14", "HS-7")
async def test_a_refused_handshake_brings_nothing(peer: Peer) -> None:
    class Closed(SecurityPolicy):
        def can_handshake(self, *_: Any) -> Denied:
            return Denied()

    peer.server.policy = Closed()
    (reply,) = peer.ask("/meta/handshake")
    assert not reply["successful"]
    assert "x-messages" not in reply


@spec("HS-14", "BAT-7")
async def test_events_of_the_last_moment_are_counted(peer: Peer) -> None:
    """The number is that of the events written, also where an extension kept the reply waiting."""
    go = asyncio.Event()

    class Slow(Extension):
        async def outgoing_meta(self, session: Any, reply: Any) -> None:
            await go.wait()

    peer.server.extensions.append(Slow())
    transport = peer.send(peer.message("/meta/handshake"))
    assert transport.sent == []
    (session,) = peer.server.sessions
    session.deliver("/hi", "three")
    go.set()
    await peer
    assert peer.heard[0]["x-messages"] == 3
    assert values(peer.heard) == ["/meta/handshake", "one", "two", "three"]


@spec("HS-14", "DEL-3")
async def test_connect_only_delivery_begins_behind_the_handshake(peer: Peer) -> None:
    peer.server.options = peer.server.options.replaced({"meta_connect_delivery_only": True})
    peer.handshake()
    assert values(peer.heard) == ["/meta/handshake", "one", "two"]
    peer.session.deliver("/hi", "three")
    peer.subscribe("/x")
    assert "three" not in values(peer.heard)
    peer.connect()
    assert "three" in values(peer.heard)


@spec("HS-14", "SN-3")
async def test_a_batch_that_is_open_keeps_its_events(peer: Peer) -> None:
    batches = []

    def begin(session: Any, message: Any) -> None:
        batches.append(session.batch())
        batches[-1].__enter__()

    peer.server.listeners.session_added.append(begin)
    peer.handshake()
    assert values(peer.heard) == ["/meta/handshake"]
    batches[0].__exit__(None, None, None)
    peer.connect()
    await turn()
    assert [event["data"] for event in peer.events] == ["one", "two"]


@spec("HS-14", "DSC-6")
async def test_a_session_that_a_listener_ends_gets_neither(peer: Peer) -> None:
    peer.server.listeners.session_added.append(lambda session, message: session.disconnect())
    (reply,) = peer.ask("/meta/handshake")
    assert reply["error"] == "403::handshake_failed"
    assert "x-messages" not in reply


@spec("HS-14", "WS-15")
async def test_their_frames_are_as_small_as_others(server: BayeuxServer) -> None:
    batches: list[Batch] = []

    class Recording(MemoryTransport):
        def send(self, events: Batch, replies: Any) -> None:
            batches.append(events)
            super().send(events, replies)

    peer = Peer(server, "websocket")
    peer.socket = Recording("websocket")
    server.options = server.options.replaced({"ws_messages_per_frame": 1})
    peer.handshake()
    assert [(len(batch), batch.max_frame_messages) for batch in batches if batch] == [(2, 1)]
