"""Whole conversations with a server in memory: what a client reads, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.effects import EndReason
from bayeux.protocol.errors import BatchTooLarge, ChannelInvalid, HandshakeNotAlone
from bayeux.protocol.options import Options
from bayeux.server.security import Granted
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, MemoryTransport, Peer, pass_time, still_server, turn

BOTH = pytest.mark.parametrize("name", ["long-polling", "websocket"])


@pytest.mark.spec("CN-3", "BAT-5", "DEL-1")
async def test_event_during_a_held_connect_releases_it() -> None:
    """Long-polling: the event comes first in the response, the connect reply last (T2)."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        held = alice.connect()
        server.publish("/w", "x")
        await turn()
        assert held.sent == [
            [{"channel": "/w", "data": "x"}, {"id": "4", "channel": "/meta/connect", "successful": True}]
        ]


@pytest.mark.spec("PUB-11", "PUB-12", "BAT-4", "DEL-2")
async def test_own_event_rides_on_the_publish_reply_and_wakes_nothing() -> None:
    """T3."""
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        held = alice.connect()
        assert alice.publish("/w", 7) == [
            {"channel": "/w", "data": 7},
            {"id": "5", "channel": "/w", "successful": True},
        ]
        await turn()
        assert held.sent == []


@pytest.mark.spec("WS-10", "WS-11", "PUB-16")
async def test_on_a_socket_the_events_of_a_turn_leave_in_one_frame_and_the_connect_stays_held() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/w")
        alice.connect()
        socket = alice.socket
        assert socket is not None
        socket.sent.clear()
        for number in range(3):
            server.publish("/w", number)
        await turn()
        assert [[m["data"] for m in frame] for frame in socket.sent] == [[0, 1, 2]]
        assert alice.session.held is not None


@pytest.mark.spec("DEL-3", "WS-12", "BAT-4")
@BOTH
async def test_connect_only_delivery_waits_for_the_connect(name: str) -> None:
    async with still_server(ManualClock(), Options(meta_connect_delivery_only=True)) as server:
        alice = Peer(server, name).handshake()
        alice.connect()
        alice.subscribe("/w")
        held = alice.connect()
        held.sent.clear()
        assert alice.publish("/w", 1)[-1]["successful"]
        await turn()
        assert held.sent[-1][0] == {"channel": "/w", "data": 1}
        assert held.sent[-1][-1]["channel"] == "/meta/connect"


@pytest.mark.spec("HS-11", "WS-13", "HS-12")
@BOTH
async def test_events_wait_for_the_message_after_the_handshake(name: str) -> None:
    async with still_server(ManualClock()) as server:
        server.listeners.session_added.append(lambda session, _: session.deliver("/welcome", 1))
        alice = Peer(server, name).handshake()
        await turn()
        transport = alice.connect()
        await turn()
        messages = [m for part in transport.sent for m in part]
        assert [m["channel"] for m in messages][-2:] == ["/welcome", "/meta/connect"]


@pytest.mark.spec("CN-3", "CN-8", "SES-6", "DSC-9", "CN-22", "DSC-10")
@BOTH
async def test_a_silent_client_is_answered_in_time_and_then_expires(name: str) -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        ends: list[EndReason] = []
        server.listeners.session_removed.append(lambda _, reason: ends.append(reason))
        alice = Peer(server, name).handshake()
        alice.connect()
        held = alice.connect()
        await pass_time(server, clock, 29.9)
        assert alice.session.held is not None
        await pass_time(server, clock, 0.2)
        assert held.sent[-1] == [{"id": "3", "channel": "/meta/connect", "successful": True}]
        await pass_time(server, clock, 9.0)
        assert not ends
        await pass_time(server, clock, 1.5)
        assert ends == [EndReason.TIMEOUT]
        if alice.socket is not None:
            assert alice.socket.close_code == 1000
            alice.socket = MemoryTransport("websocket")
        assert alice.ask("/meta/connect") == [
            {
                "id": "4",
                "channel": "/meta/connect",
                "successful": False,
                "error": "402::session_unknown",
                "advice": {"reconnect": "handshake", "interval": 0},
            }
        ]
        assert alice.ask("/a", data=1) == [
            {"id": "5", "channel": "/a", "successful": False, "error": "402::session_unknown"}
        ]


@pytest.mark.spec("CN-10", "CN-11", "COOK-13", "COOK-10")
async def test_a_second_poll_dismisses_the_first_and_loses_nothing() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        first, second = alice.connect(), alice.connect()
        assert (first.dismissed, first.sent) == (500, [])
        server.publish("/w", 1)
        await turn()
        assert second.sent[0][0]["data"] == 1
        assert not server.sessions.held_by_browser


@pytest.mark.spec("COOK-10", "COOK-11")
@pytest.mark.parametrize("ending", ["event", "lost", "disconnect", "expire"])
async def test_a_tab_too_many_polls_and_gets_the_slot_however_it_became_free(ending: str) -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        first = Peer(server).handshake()
        first.connect()
        first.subscribe("/w")
        held = first.connect()
        second = Peer(server, browser=first.browser).handshake()
        second.connect()
        assert second.connect().sent[0][0]["advice"]["multiple-clients"] is True
        if ending == "event":
            server.publish("/w", 1)
            await turn()
        elif ending == "lost":
            held.closed = True
            server.connection_lost(held)
        elif ending == "disconnect":
            first.ask("/meta/disconnect")
        else:
            server.expire(first.session)
            first.connect()
        assert second.connect().sent == []


@pytest.mark.spec("COOK-10")
@pytest.mark.parametrize(
    ("limit", "http2", "is_held"), [(1, False, False), (-1, False, True), (0, False, False), (1, True, True)]
)
async def test_how_many_polls_a_browser_may_hold_is_an_option(limit: int, http2: bool, is_held: bool) -> None:
    async with still_server(ManualClock(), Options(max_sessions_per_browser=limit)) as server:
        first = Peer(server, http2=http2).handshake()
        first.connect()
        first.connect()
        second = Peer(server, browser=first.browser, http2=http2).handshake()
        second.connect()
        assert (second.connect().sent == []) is is_held


@pytest.mark.spec("DSC-1", "DSC-2", "DSC-5", "LST-6")
@BOTH
async def test_disconnect_tells_everyone_in_order_and_answers_the_held_connect_first(name: str) -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        server.listeners.session_removed.append(lambda _, reason: news.append(f"server {reason.value}"))
        server.listeners.unsubscribed.append(lambda _, channel, __: news.append(f"unsubscribed {channel.name}"))
        alice = Peer(server, name).handshake()
        alice.session.listeners.removed.append(lambda *_: news.append("session"))
        alice.connect()
        alice.subscribe("/w")
        held = alice.connect()
        held.sent.clear()
        answer = alice.send(alice.message("/meta/disconnect"))
        assert news == ["server disconnect", "unsubscribed /w", "session"]
        assert held.sent[0][-1]["advice"]["reconnect"] == "none"
        assert answer.sent[-1] == [{"id": "5", "channel": "/meta/disconnect", "successful": True}]
        assert len(server.sessions) == 0


@pytest.mark.spec("DSC-4", "DSC-12", "SUB-9", "UNS-1", "PUB-2", "MSG-14")
async def test_messages_without_a_session_are_refused_without_advice() -> None:
    async with still_server(ManualClock()) as server:
        nobody = Peer(server)
        nobody.client_id = "gone"
        for channel in ("/meta/disconnect", "/meta/subscribe", "/meta/unsubscribe", "/a"):
            reply = nobody.ask(channel, subscription="/x")[0]
            assert reply["error"] == "402::session_unknown"
            assert "advice" not in reply
        assert nobody.send({}).sent == [[{"successful": False, "error": "400::channel_missing"}]]
        alice = Peer(server).handshake()
        answers = alice.send(alice.message("/meta/disconnect"), alice.message("/a", data=1)).sent[0]
        assert [answer["successful"] for answer in answers] == [True, False]


@pytest.mark.spec("CM-12", "PUB-2")
async def test_a_mount_may_advise_with_every_402() -> None:
    async with still_server(ManualClock()) as server:
        nobody = Peer(server, options=Options(advise_unknown_session=True))
        nobody.client_id = "gone"
        assert nobody.ask("/a", data=1)[0]["advice"] == {"reconnect": "handshake", "interval": 0}


@pytest.mark.spec("PUB-2")
async def test_publishing_without_a_session_is_an_option() -> None:
    async with still_server(ManualClock(), Options(allow_anonymous_publish=True)) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/w")
        assert Peer(server).ask("/w", data=1) == [{"id": "1", "channel": "/w", "successful": True}]
        await turn()
        assert alice.socket is not None
        assert alice.socket.sent[-1] == [{"channel": "/w", "data": 1}]


@pytest.mark.spec("DSC-6", "DSC-7")
async def test_kick_between_two_polls_is_told_with_the_next() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.session.deliver("/w", "last words")
        alice.session.disconnect()
        assert len(server.sessions) == 0
        assert alice.connect().sent[0] == [
            {"channel": "/w", "data": "last words"},
            {"channel": "/meta/disconnect", "successful": True},
            {
                "id": "3",
                "channel": "/meta/connect",
                "successful": True,
                "advice": {"reconnect": "none", "interval": 0, "timeout": 30000},
            },
        ]
        assert alice.connect().sent[0][0]["error"] == "402::session_unknown", "told once"


@pytest.mark.spec("DSC-7")
async def test_a_kicked_client_that_publishes_is_told_not_to_come_back_and_forgotten_in_time() -> None:
    clock = ManualClock()
    async with still_server(clock) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.session.disconnect()
        last = alice.publish("/w", 1)[-1]
        assert (last["error"], last["advice"]) == ("402::session_unknown", {"reconnect": "none"})
        await pass_time(server, clock, 11.0)
        assert server.sessions.find(bob.client_id) is None


@pytest.mark.spec("DSC-6", "DSC-8", "T5")
@BOTH
async def test_kick_releases_the_held_connect(name: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, name).handshake()
        alice.connect()
        held = alice.connect()
        held.sent.clear()
        alice.session.disconnect()
        assert held.sent == [
            [
                {"channel": "/meta/disconnect", "successful": True},
                {
                    "id": "3",
                    "channel": "/meta/connect",
                    "successful": True,
                    "advice": {"reconnect": "none", "interval": 0, "timeout": 30000},
                },
            ]
        ]


@pytest.mark.spec("DSC-6")
async def test_kick_on_a_socket_without_a_held_connect_is_told_at_once() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.session.disconnect()
        assert alice.socket is not None
        assert alice.socket.sent[-1] == [{"channel": "/meta/disconnect", "successful": True}]


@pytest.mark.spec("Q-2", "SEC-L16", "DEL-7")
@BOTH
async def test_a_client_that_takes_no_events_is_ended_as_slow(name: str) -> None:
    async with still_server(ManualClock(), Options(max_queue=5)) as server:
        alice = Peer(server, name).handshake()
        alice.connect()
        alice.subscribe("/w")
        if alice.socket is not None:
            alice.socket.writable = False
        session = alice.session
        for number in range(6):
            server.publish("/w", number)
            await turn()
        assert server.counters.session_ends["slow"] == 1
        assert len(session.queue) == 0
        assert session.deliver("/w", 1) is False
        if alice.socket is not None:
            assert alice.socket.close_code == 1008
            alice.socket = MemoryTransport("websocket")
        assert alice.ask("/meta/connect")[0]["advice"] == {"reconnect": "handshake", "interval": 0}


@pytest.mark.spec("Q-1", "Q-2")
@pytest.mark.parametrize(
    ("policy", "kept"), [("drop_new", [0, 1, 2]), ("drop_old", [2, 3, 4]), ("call", [0, 1, 2, 3, 4])]
)
async def test_what_a_full_queue_does_is_an_option(policy: Any, kept: list[int]) -> None:
    async with still_server(ManualClock(), Options(max_queue=3, queue_overflow=policy)) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        for number in range(5):
            server.publish("/w", number)
        assert [m["data"] for m in alice.connect().sent[0][:-1]] == kept


@pytest.mark.spec("Q-1")
async def test_a_listener_decides_about_a_full_queue() -> None:
    async with still_server(ManualClock(), Options(max_queue=2)) as server:
        server.listeners.queue_full.append(lambda session, queue, sender, message: b"keep" in message.json)
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        for data in ("1", "2", "3", "keep", "4"):
            server.publish("/w", data)
        assert [m["data"] for m in alice.connect().sent[0][:-1]] == ["1", "2", "keep"]


@pytest.mark.spec("WS-21", "SEC-L17")
async def test_a_slow_reader_keeps_its_events_until_it_reads_again() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        alice.connect()
        alice.subscribe("/w")
        socket = alice.socket
        assert socket is not None
        socket.writable = False
        socket.sent.clear()
        server.publish("/w", 1)
        await turn()
        assert socket.sent == []
        socket.writable = True
        server.writable_again(socket)
        await turn()
        assert socket.sent == [[{"channel": "/w", "data": 1}]]


@pytest.mark.spec("HS-9", "BAT-8", "SEC-L11")
async def test_bodies_that_are_refused_as_a_whole() -> None:
    async with still_server(ManualClock(), Options(max_batch_messages=3)) as server:
        alice = Peer(server).handshake()
        with pytest.raises(HandshakeNotAlone):
            alice.send(alice.message("/meta/connect"), alice.message("/meta/handshake/"))
        alice.send(*[alice.message("/a", data=1) for _ in range(3)])
        with pytest.raises(BatchTooLarge):
            alice.send(*[alice.message("/a", data=1) for _ in range(4)])


@pytest.mark.spec("HS-17", "SEC-L15", "SEC-L2", "SEC-1")
@pytest.mark.parametrize("limit", [{"max_sessions": 2}, {"max_sessions_per_ip": 2}])
async def test_sessions_are_bounded_and_the_next_is_told_to_try_again(limit: dict[str, int]) -> None:
    async with still_server(ManualClock(), Options(**limit)) as server:
        for _ in range(2):
            Peer(server).handshake()
        [reply] = Peer(server).ask("/meta/handshake")
        assert reply["error"] == "503::unavailable"
        assert reply["advice"]["reconnect"] == "handshake"
        assert 5000 <= reply["advice"]["interval"] <= 15000
        next(iter(server.sessions)).disconnect()
        Peer(server).handshake()


@pytest.mark.spec("SEC-L15", "SEC-1")
async def test_sessions_of_one_user_are_bounded() -> None:
    async with still_server(ManualClock(), Options(max_sessions_per_user=2)) as server:
        for _ in range(2):
            Peer(server, user="Agent1").handshake()
        assert Peer(server, user="Agent1").ask("/meta/handshake")[0]["error"] == "503::unavailable"
        Peer(server, user="Agent2").handshake()


@pytest.mark.spec("SEC-L20", "HS-17", "SEC-1")
async def test_handshakes_of_one_address_are_rate_limited() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(handshake_rate_per_ip=1, handshake_burst_per_ip=2)) as server:
        for _ in range(2):
            Peer(server, peer="10.0.0.1").handshake()
        [reply] = Peer(server, peer="10.0.0.1").ask("/meta/handshake")
        assert reply["error"] == "429:1 a second:rate_limited"
        assert reply["advice"]["reconnect"] == "handshake"
        Peer(server, peer="10.0.0.2").handshake()
        clock.advance(1.0)
        Peer(server, peer="10.0.0.1").handshake()


@pytest.mark.spec("SEC-L19", "SEC-1")
async def test_messages_of_one_session_are_rate_limited_and_a_deaf_one_is_ended() -> None:
    clock = ManualClock()
    options = Options(session_message_rate=1, session_message_burst=3)
    async with still_server(clock, options) as server:
        alice = Peer(server, "websocket").handshake()
        assert all(alice.publish("/a", n)[-1]["successful"] for n in range(3))
        for _ in range(9):
            assert alice.publish("/a", 0)[-1]["error"] == "429:1 a second:rate_limited"
        clock.advance(1.0)
        assert alice.publish("/a", 0)[-1]["successful"]
        for _ in range(10):
            alice.publish("/a", 0)
        assert alice.socket is not None
        assert alice.socket.close_code == 1008
        assert server.counters.session_ends["error"] == 1


@pytest.mark.spec("SEC-L19")
async def test_connects_that_our_events_caused_do_not_count_as_haste() -> None:
    options = Options(session_message_rate=1, session_message_burst=5)
    async with still_server(ManualClock(), options) as server:
        alice = Peer(server).handshake()
        alice.connect()
        alice.subscribe("/w")
        for number in range(50):
            held = alice.connect()
            server.publish("/w", number)
            await turn()
            assert held.sent[0][0]["data"] == number


@pytest.mark.spec("PUB-11")
async def test_a_publisher_may_be_spared_its_own_event() -> None:
    async with still_server(ManualClock(), Options(broadcast_to_publisher=False)) as server:
        alice = Peer(server).handshake()
        alice.subscribe("/w")
        assert alice.publish("/w", 1) == [{"id": "3", "channel": "/w", "successful": True}]
    async with still_server(ManualClock()) as server:
        server.create_channel_if_absent("/w")[0].broadcast_to_publisher = False
        alice = Peer(server).handshake()
        alice.subscribe("/w")
        assert len(alice.publish("/w", 1)) == 1


@pytest.mark.spec("CH-22", "CH-23", "CH-12")
async def test_one_event_for_several_matching_subscriptions_and_no_service_messages() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.subscribe(["/**", "/w/*", "/w/x"])
        assert [m.get("data") for m in alice.publish("/w/x", 1)] == [1, None]
        assert len(alice.publish("/service/x", 1)) == 1


@pytest.mark.spec("SRV-1", "SEC-44")
async def test_the_application_cannot_publish_to_patterns_meta_channels_or_private_names() -> None:
    async with still_server(ManualClock(), Options(private_prefixes=("/v2/me",))) as server:
        for channel in ("/a/*", "/meta/connect", "/v2/me/interactions", "/v2/me", "/a/{b}"):
            with pytest.raises(ChannelInvalid):
                server.publish(channel, 1)
        with pytest.raises(TypeError):
            server.publish("/a", object())


@pytest.mark.spec("DSC-11", "OPS-61")
@BOTH
async def test_a_draining_server_sends_its_clients_elsewhere(name: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, name).handshake()
        alice.connect()
        alice.subscribe("/w")
        held = alice.connect()
        held.sent.clear()
        server.publish("/w", 1)
        await server.drain(spread=0.0)
        [event, reply] = held.sent[0]
        assert event["data"] == 1
        assert reply["successful"] is True
        assert reply["advice"]["reconnect"] == "retry"
        assert 0 <= reply["advice"]["interval"] <= 5000
        if alice.socket is not None:
            assert alice.socket.close_code == 1001
        assert Peer(server).ask("/meta/handshake")[0]["error"] == "503::unavailable"


@pytest.mark.spec("OPS-25", "GEN-6")
async def test_two_servers_in_one_process_know_nothing_of_each_other() -> None:
    async with BayeuxServer() as one, BayeuxServer() as other:
        alice = Peer(one).handshake()
        stranger = Peer(other)
        stranger.client_id, stranger.browser = alice.client_id, alice.browser
        assert stranger.ask("/meta/connect")[0]["error"] == "402::session_unknown"
        alice.subscribe("/w")
        other.publish("/w", 1)
        assert len(alice.session.queue) == 0


@pytest.mark.spec("HS-1", "WS-31")
async def test_each_handshake_makes_a_session_also_on_the_same_socket() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server, "websocket").handshake()
        first = alice.session
        alice.connect()
        alice.connect()
        alice.handshake(clientId=first.client_id)
        assert alice.session is not first
        assert first.held is None
        assert first.transport is None
        assert len(server.sessions) == 2


@pytest.mark.spec("HS-7", "AG-100")
async def test_the_policy_may_name_the_user_and_add_to_the_reply() -> None:
    class Policy:
        def can_handshake(self, server: Any, session: Any, message: Any) -> Granted:
            return Granted(user=message.ext["token"], ext={"hello": 1})

    async with still_server(ManualClock(), policy=Policy()) as server:  # type: ignore[arg-type]
        alice = Peer(server)
        [reply] = alice.ask("/meta/handshake", ext={"token": "Agent1"})
        assert reply["ext"] == {"hello": 1}
        assert [session.user for session in server.sessions.of_user("Agent1")] == ["Agent1"]
