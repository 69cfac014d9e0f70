"""What must not spread: a failing hook, a dead session, a client that floods, a hook that never ends.

Each test began as a way to break the server.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from bayeux.protocol.options import Options
from bayeux.server.extension import Extension
from bayeux.server.security import SecurityPolicy
from bayeux.testing import ManualClock, MemoryTransport, Peer, still_server, turn


class Spoils(Extension):
    """Puts into replies what JSON cannot say."""

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def outgoing_meta(self, session: Any, reply: Any) -> None:
        if reply.get("channel") == self.channel:
            reply["spoiled"] = {1, 2}


@pytest.mark.spec("BER-2", "BAT-3", "SEC-21")
@pytest.mark.expected_logs("left what JSON cannot say")
async def test_a_reply_that_cannot_be_encoded_is_that_replys_500() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.append(Spoils("/b"))
        alice = Peer(server).handshake()
        answers = alice.send(*[alice.message(name, data=1) for name in ("/a", "/b", "/c")]).sent[0]
        assert [(a["id"], a.get("error")) for a in answers] == [("2", None), ("3", "500::internal_error"), ("4", None)]


@pytest.mark.spec("BER-2", "SEC-21", "DSC-11")
@pytest.mark.expected_logs("left what JSON cannot say", "writing to a session failed")
async def test_a_failing_write_silences_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/w")
        broken, held = alice.connect(), bob.connect()
        monkeypatch.setattr(broken, "send", lambda *_: 1 / 0)
        server.extensions.append(Spoils("/meta/connect"))
        server.publish("/w", 1)
        await turn()
        assert [m.get("error") for m in held.sent[0]] == [None, "500::internal_error"]
        server.extensions.clear()
        again = bob.connect()
        server.publish("/w", 2)
        await turn()
        assert again.sent[0][0]["data"] == 2
        assert not server.flusher._batches


@pytest.mark.spec("DEL-7", "SES-1")
async def test_a_session_that_ends_while_it_subscribes_is_subscribed_to_nothing() -> None:
    async with still_server(ManualClock()) as server:
        server.listeners.subscribed.append(lambda session, *_: session.disconnect())
        alice = Peer(server, "websocket").handshake()
        ended = alice.session
        alice.subscribe(["/x", "/y", "/z"])
        assert not any(channel.subscribers for channel in server.channels)
        assert ended.transport is None


@pytest.mark.spec("DEL-7", "SEC-44", "WS-31")
async def test_a_dead_session_has_no_way_to_the_socket_of_the_next_user() -> None:
    async with still_server(ManualClock()) as server:
        peer = Peer(server, "websocket", user="one").handshake()
        peer.connect()
        peer.subscribe("/w")
        ended = peer.session
        ended.disconnect()
        peer.context["user"] = "two"
        peer.handshake()
        peer.connect()
        assert peer.socket is not None
        peer.socket.sent.clear()
        server.publish("/w", "for one")
        assert ended.deliver("/w", "for one") is False
        await turn()
        assert peer.socket.sent == []


@pytest.mark.spec("DEL-7", "DSC-6")
async def test_a_session_ended_by_another_in_a_fan_out_gets_nothing_more() -> None:
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/w")
        victim = bob.session
        alice.session.listeners.message.append(lambda *_: victim.disconnect() or True)
        server.publish("/w", 1)
        assert [m["channel"] for m in bob.connect().sent[0]] == ["/meta/disconnect", "/meta/connect"]


@pytest.mark.spec("SEC-49", "WSEC-2")
async def test_random_publishing_leaves_nothing_behind() -> None:
    async with still_server(ManualClock(), Options(session_message_rate=0)) as server:
        alice = Peer(server).handshake()
        before = len(server.channels)
        for number in range(1000):
            alice.publish(f"/service/{number}", 1)
            alice.publish(f"/w/{number}", 1)
        for _ in range(3):
            server.channels.sweep()
        assert len(server.channels) == before


@pytest.mark.spec("SEC-L19")
@pytest.mark.parametrize("name", ["long-polling", "websocket"])
async def test_connects_that_replace_one_another_are_haste(name: str) -> None:
    options = Options(session_message_rate=1, session_message_burst=5)
    async with still_server(ManualClock(), options) as server:
        alice = Peer(server, name).handshake()
        answers = [message for _ in range(8) for part in alice.connect().sent for message in part]
        assert any(message.get("error") == "429:1 a second:rate_limited" for message in answers)


@pytest.mark.spec("SEC-L19")
async def test_malformed_and_anonymous_messages_are_charged_too() -> None:
    options = Options(session_message_rate=1, session_message_burst=3, allow_anonymous_publish=True)
    async with still_server(ManualClock(), options) as server:
        alice = Peer(server).handshake()
        good = alice.message("/a", data=1)
        answers = alice.send(good, *[{"channel": 5}] * 4).sent[0]
        assert answers[-1]["error"] == "429:1 a second:rate_limited"
        anonymous = [Peer(server, peer="10.0.0.9").publish("/a", 1)[-1]["successful"] for _ in range(4)]
        assert anonymous == [True, True, True, False]


@pytest.mark.spec("SEC-L14", "SEC-2", "SEC-92")
@pytest.mark.parametrize("channel", ["/meta/subscribe", "/meta/unsubscribe"])
async def test_an_array_longer_than_any_session_may_have_is_not_even_looked_at(channel: str) -> None:
    async with still_server(ManualClock(), Options(max_bayeux_message_size=0)) as server:
        alice = Peer(server).handshake()
        wanted = [f"/c/{number}" for number in range(40_000)]
        started = time.process_time()
        reply = alice.ask(channel, subscription=wanted)[0]
        assert reply["error"] in ("403:limit:subscribe_denied", "403::unsubscribe_failed")
        assert len(server.channels) < 10
        assert time.process_time() - started < 5


@pytest.mark.spec("GEN-2", "BER-2", "MSG-3")
@pytest.mark.expected_logs("a message listener raised")
async def test_a_hook_that_was_cancelled_by_somebody_else_raised_like_any_other() -> None:
    async def breaks_off(*_: Any) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with still_server(ManualClock()) as server:
        server.on("/w", breaks_off)
        alice = Peer(server).handshake()
        answer = alice.send(alice.message("/w", data=1))
        await turn()
        assert answer.sent[0][0]["successful"]


@pytest.mark.spec("SES-8", "COOK-10", "SES-7")
async def test_a_connect_whose_client_left_meanwhile_is_not_held() -> None:
    gate = asyncio.Event()

    async def waits(*_: Any) -> None:
        await gate.wait()

    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        server.on("/meta/connect", waits)
        transport = alice.connect()
        transport.closed = True
        server.connection_lost(transport)
        gate.set()
        await turn()
        assert alice.session.held is None
        assert alice.session.expires_at < float("inf")
        assert not server.sessions.held_by_browser


@pytest.mark.spec("SEC-L15", "SEC-L2", "DSC-11")
async def test_limits_hold_also_after_a_policy_was_awaited() -> None:
    gate = asyncio.Event()

    class Slow(SecurityPolicy):
        async def can_handshake(self, *_: Any) -> bool:  # type: ignore[override]
            await gate.wait()
            return True

    async with still_server(ManualClock(), Options(max_sessions=1), policy=Slow()) as server:
        peers = [Peer(server) for _ in range(5)]
        answers = [peer.send(peer.message("/meta/handshake")) for peer in peers]
        gate.set()
        await turn()
        assert [answer.sent[0][0]["successful"] for answer in answers] == [True, False, False, False, False]
        assert len(server.sessions) == 1


@pytest.mark.spec("EXN-4", "EXN-8", "SEC-43")
async def test_what_a_sessions_hook_changes_deep_inside_is_seen_by_that_session_alone() -> None:
    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/w")
            peer.session.add_hooks()
        alice.session.listeners.message.append(lambda _, event: event["data"].update(secret="of alice"))
        server.publish("/w", {"n": 1})
        assert alice.connect().sent[0][0]["data"] == {"n": 1, "secret": "of alice"}
        assert bob.connect().sent[0][0]["data"] == {"n": 1}


@pytest.mark.spec("BER-2", "Q-1")
@pytest.mark.expected_logs("raised", "what JSON cannot say")
async def test_one_sessions_failing_hook_costs_the_others_nothing() -> None:
    def raises(*_: Any) -> bool:
        raise RuntimeError

    async with still_server(ManualClock(), Options(max_queue=1)) as server:
        alice, bob, carol = (Peer(server).handshake() for _ in range(3))
        for peer in (alice, bob, carol):
            peer.connect()
            peer.subscribe("/w")
        alice.session.listeners.message.append(lambda _, event: event.update(spoiled={1}))
        server.listeners.queue_full.append(raises)
        bob.session.deliver("/x", "fills the queue")
        server.publish("/w", 1)
        assert carol.connect().sent[0][0]["data"] == 1


@pytest.mark.spec("SEC-4", "Q-1")
async def test_cometds_minus_one_means_unlimited() -> None:
    async with still_server(ManualClock(), Options(max_queue=-1, max_queue_bytes=-1)) as server:
        alice = Peer(server).handshake()
        alice.connect()
        for number in range(2000):
            assert alice.session.deliver("/w", number)


@pytest.mark.spec("DSC-11", "HTTP-9")
async def test_a_request_whose_hook_never_ends_is_answered_when_the_server_stops() -> None:
    server_stops: MemoryTransport
    async with still_server(ManualClock()) as server:
        server.on("/w", lambda *_: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
        alice = Peer(server).handshake()
        server_stops = alice.send(alice.message("/w", data=1))
        await turn()
    assert server_stops.dismissed == 503


@pytest.mark.spec("SUB-8")
async def test_who_subscribes_while_a_listener_is_awaited_gets_the_event() -> None:
    gate = asyncio.Event()

    async def waits(*_: Any) -> None:
        await gate.wait()

    async with still_server(ManualClock()) as server:
        server.on("/w", waits)
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        bob.connect()
        alice.send(alice.message("/w", data=1))
        bob.subscribe("/**")
        gate.set()
        await turn()
        assert bob.connect().sent[0][0]["data"] == 1


@pytest.mark.spec("LST-9")
@pytest.mark.expected_logs("a message listener raised")
async def test_a_listener_that_publishes_to_itself_is_stopped() -> None:
    async with still_server(ManualClock()) as server:
        heard: list[int] = []

        def echoes(_: Any, message: Any) -> None:
            heard.append(message.data)
            server.publish("/w", message.data + 1)

        server.on("/w", echoes)
        server.publish("/w", 0)
        assert heard == list(range(100))


@pytest.mark.spec("HS-11", "LST-5")
async def test_a_client_kicked_by_a_listener_of_its_handshake_hears_that_it_failed() -> None:
    async with still_server(ManualClock()) as server:
        server.listeners.session_added.append(lambda session, _: session.disconnect())
        alice = Peer(server, "websocket")
        assert alice.ask("/meta/handshake") == [
            {
                "id": "1",
                "channel": "/meta/handshake",
                "successful": False,
                "error": "403::handshake_failed",
                "advice": {"reconnect": "none"},
            }
        ]


@pytest.mark.spec("SES-3")
async def test_a_connect_is_one_also_with_a_slash_too_many() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.socket, alice.name = None, "long-polling"
        alice.ask("/meta/connect/")
        assert alice.session.transport is None


@pytest.mark.spec("SEC-44")
async def test_the_user_of_a_session_is_settled_by_its_handshake() -> None:
    async with still_server(ManualClock()) as server:
        session = Peer(server, user="one").handshake().session
        with pytest.raises(ValueError, match="settled"):
            session.user = "two"


@pytest.mark.spec("ADV-4", "SES-5", "EXN-5", "PUB-11")
async def test_small_things_that_were_once_wrong() -> None:
    """An empty advice asks for advice; a refused publish is a sign of life; extensions see no foreign session."""
    seen: list[Any] = []

    class Sees(Extension):
        def incoming(self, session: Any, message: Any) -> None:
            seen.append(session)

    clock = ManualClock()
    async with still_server(clock) as server:
        server.extensions.append(Sees())
        alice = Peer(server).handshake()
        alice.connect()
        assert "advice" in alice.send(alice.message("/meta/connect", advice={}), alice.message("/a")).sent[0][0]
        clock.advance(5.0)
        assert not alice.publish("/a/*", 1)[-1]["successful"]
        assert alice.session.expires_at == clock.now + 10.0
        alice.send(alice.message("/a"), {"channel": "/a", "clientId": "another"})
        assert seen[-1] is None
        alice.subscribe("/a")
        alice.session.broadcast_to_publisher = False
        assert len(alice.publish("/a", 1)) == 1
