"""Acknowledged messages over both transports, in memory: what is lost on the way comes again, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.backplane.interface import Retention
from bayeux.extensions.ack import Acknowledge
from bayeux.extensions.replay import Replay
from bayeux.protocol.effects import EndReason
from bayeux.protocol.options import Options
from bayeux.server.extension import STOP, Extension
from bayeux.server.security import Denied, SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn
from tests.extensions.acknowledging import Acknowledging

spec = pytest.mark.spec

TRANSPORTS = ("long-polling", "websocket")
OPTIONS = Options(session_message_rate=0)
RETRY = {"reconnect": "retry", "interval": 0, "timeout": 30000}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Options:
    """Those of the server; ``@pytest.mark.parametrize("options", …)`` gives others."""
    return getattr(request, "param", OPTIONS)


@pytest.fixture
async def server(clock: ManualClock, options: Options) -> AsyncIterator[BayeuxServer]:
    async with still_server(clock, options) as server:
        server.extensions.append(Acknowledge())
        yield server


@pytest.fixture(params=TRANSPORTS)
def name(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    transport: str = request.param
    return transport


@pytest.fixture
def alice(server: BayeuxServer, name: str) -> Acknowledging:
    """A client that acknowledges, subscribed to ``/n``, between two connects."""
    return Acknowledging(server, name).ready("/n")


def other(**changes: Any) -> Options:
    return OPTIONS.replaced(changes)


def publish(server: BayeuxServer, *values: Any, channel: str = "/n", lazy: bool = False) -> None:
    for value in values:
        server.publish(channel, value, lazy=lazy)


class Waiting(Extension):
    """Keeps connect replies back until ``go`` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.is_on = False

    def outgoing_meta(self, session: Any, reply: Any) -> Any:
        return self.go.wait() if self.is_on and reply["channel"] == "/meta/connect" else None


class TestNegotiation:
    @spec("ACK-1", "ACK-2", "ACK-3", "XT-3")
    async def test_is_on_where_the_client_asks_for_it(self, server: BayeuxServer, name: str) -> None:
        peer = Peer(server, name)
        (reply,) = peer.ask("/meta/handshake", ext={"ack": True})
        assert reply["ext"] == {"ack": True}
        assert peer.session.connect_only

    @spec("ACK-1", "XT-1", "XT-3")
    @pytest.mark.parametrize("ext", [{}, {"ack": 1}, {"ack": "true"}, {"ack": {}}, {"ack": None}, {"ack": False}, None])
    async def test_is_off_for_anything_else(self, server: BayeuxServer, name: str, ext: Any) -> None:
        peer = Peer(server, name)
        (reply,) = peer.ask("/meta/handshake", ext=ext)
        assert "ext" not in reply
        assert not peer.session.connect_only
        (reply,) = peer.connect(ext={"ack": 0}).sent[-1]
        assert "ext" not in reply
        assert peer.connect(ext={"ack": 5}).sent[1 if name == "websocket" else 0 :] in ([], [[reply]])
        assert peer.session.held is not None

    @spec("ACK-1")
    async def test_is_off_where_it_is_not_registered(self, clock: ManualClock, name: str) -> None:
        async with still_server(clock) as server:
            peer = Peer(server, name)
            (reply,) = peer.ask("/meta/handshake", ext={"ack": True})
            assert "ext" not in reply

    @spec("ACK-2")
    async def test_a_refused_handshake_says_nothing_of_it(self, server: BayeuxServer, name: str) -> None:
        class Closed(SecurityPolicy):
            def can_handshake(self, *_: Any) -> Denied:
                return Denied()

        server.policy = Closed()
        (reply,) = Peer(server, name).ask("/meta/handshake", ext={"ack": True})
        assert not reply["successful"]
        assert "ext" not in reply

    @spec("ACK-2")
    async def test_agreeing_leaves_what_the_policy_says(self, server: BayeuxServer, name: str) -> None:
        class Greeting(SecurityPolicy):
            def can_handshake(self, server: Any, session: Any, message: Any) -> bool:
                message.reply["ext"] = {"hello": "you"}
                return True

        server.policy = Greeting()
        (reply,) = Peer(server, name).ask("/meta/handshake", ext={"ack": True})
        assert reply["ext"] == {"hello": "you", "ack": True}

    @spec("ACK-3", "HS-11")
    async def test_events_of_the_handshake_are_the_first_batch(self, server: BayeuxServer, name: str) -> None:
        server.listeners.session_added.append(lambda session, _: session.deliver("/hi", "early"))
        alice = Acknowledging(server, name).handshake()
        await turn()
        assert alice.connect().read() == ["early"]
        assert alice.number == 1

    @spec("ACK-2", "ACK-3", "HS-14")
    @pytest.mark.parametrize("options", [other(allow_message_delivery_during_handshake=True)], indirect=True)
    async def test_events_behind_the_handshake_reply_have_a_number(self, server: BayeuxServer, name: str) -> None:
        @server.listeners.session_added
        def greet(session: Any, _: Any) -> None:
            session.deliver("/hi", "early")

        alice = Acknowledging(server, name)
        alice.peer.handshake(ext={"ack": True})
        reply, event = alice.peer.heard
        assert (reply["x-messages"], reply["ext"]) == (1, {"ack": {"enabled": True, "batch": 1}})
        assert event["data"] == "early"
        alice.number = 1
        alice.connect()
        if name == "websocket":
            assert alice.read(2) == ["early"]
        assert alice.read() == []
        assert alice.number == 2
        alice.connect()
        assert alice.is_held

    @spec("ACK-2", "ACK-11", "HS-14")
    @pytest.mark.parametrize("options", [other(allow_message_delivery_during_handshake=True)], indirect=True)
    async def test_events_lost_behind_the_handshake_reply_come_again(self, server: BayeuxServer, name: str) -> None:
        server.listeners.session_added.append(lambda session, _: session.deliver("/hi", "early"))
        alice = Acknowledging(server, name).handshake()
        assert alice.connect().read() == ["early"]
        assert alice.number == 2

    @spec("HS-14", "ACK-2")
    @pytest.mark.parametrize("options", [other(allow_message_delivery_during_handshake=True)], indirect=True)
    async def test_without_events_the_handshake_reply_has_a_number_too(self, server: BayeuxServer, name: str) -> None:
        (reply,) = Peer(server, name).ask("/meta/handshake", ext={"ack": True})
        assert reply["ext"] == {"ack": {"enabled": True, "batch": 1}}
        assert "x-messages" not in reply


class TestNumbers:
    @spec("ACK-14")
    async def test_a_quiet_client_counts_its_connects(
        self, server: BayeuxServer, name: str, clock: ManualClock
    ) -> None:
        alice = Acknowledging(server, name).handshake()
        assert alice.connect().read() == []
        assert alice.number == 1
        for number in (2, 3, 4):
            alice.connect()
            assert alice.is_held
            await pass_time(server, clock, 30.0)
            assert alice.read() == []
            assert alice.number == number

    @spec("ACK-15", "ACK-11", "ACK-30")
    async def test_events_leave_once_where_nothing_is_lost(self, server: BayeuxServer, alice: Acknowledging) -> None:
        got = []
        for number in range(1, 6):
            alice.connect()
            publish(server, number, -number)
            await turn()
            got += alice.read()
            assert alice.number == 1 + number
            assert "advice" not in alice.reply
        assert got == [1, -1, 2, -2, 3, -3, 4, -4, 5, -5]

    @spec("ACK-30", "WS-12")
    async def test_a_socket_gets_the_events_and_then_the_reply(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        publish(server, "a", "b")
        await turn()
        (events, reply) = alice.carrier.sent if alice.carrier else ([], [])
        assert [event["data"] for event in events] == ["a", "b"]
        assert reply == [{"id": alice.peer.heard[-1]["id"], "channel": "/meta/connect", "successful": True,
                          "ext": {"ack": 2}}]  # fmt: skip

    @spec("ACK-30", "ACK-3", "WS-10")
    async def test_nothing_is_pushed_alone(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        publish(server, "a")
        await turn()
        assert alice.read() == []
        assert alice.connect().read() == ["a"]

    @spec("ACK-12", "ACK-13", "XT-1")
    @pytest.mark.parametrize("ack", [-1, 0, 1, -1.0, "2", "x", None, True, {}, [2], 2.5, -(2**62)], ids=repr)
    async def test_what_acknowledges_nothing_new_keeps_the_events(
        self, server: BayeuxServer, alice: Acknowledging, ack: Any
    ) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        alice.connect(ext={"ack": ack}, advice={"timeout": 0})
        assert alice.read() == ["a"]

    @spec("ACK-12")
    @pytest.mark.parametrize("ack", [2, 2.0, 3, 2**62, 1e300])
    async def test_a_number_never_sent_acknowledges_only_what_was_sent(
        self, server: BayeuxServer, alice: Acknowledging, ack: Any
    ) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b")
        alice.connect(ext={"ack": ack})
        assert alice.read() == ["b"]
        assert alice.number == 3

    @spec("ACK-13")
    async def test_a_connect_without_a_number_is_held(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        alice.connect(ext={})
        assert alice.is_held
        publish(server, "b")
        await turn()
        assert alice.read() == ["a", "b"]

    @spec("ACK-14")
    async def test_a_failed_connect_reply_has_no_number(self, server: BayeuxServer, alice: Acknowledging) -> None:
        class Refusing(Extension):
            def incoming_meta(self, session: Any, message: Any) -> Any:
                return STOP if "refuse" in message.ext else None

        server.extensions.append(Refusing())
        publish(server, "a")
        alice.connect(ext={"ack": 1, "refuse": True})
        assert alice.read() == []
        assert not alice.reply["successful"]
        assert "ext" not in alice.reply
        assert alice.connect().read() == ["a"]
        assert alice.number == 2

    @spec("ACK-14", "BAT-7")
    async def test_a_reply_that_an_extension_stops_takes_no_events(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        class Mute(Extension):
            def outgoing_meta(self, session: Any, reply: Any) -> Any:
                return STOP

        mute = Mute()
        server.extensions.append(mute)
        publish(server, "a")
        alice.connect()
        assert alice.read() == []
        server.extensions.remove(mute)
        assert alice.connect().read() == ["a"]
        assert alice.number == 2

    @spec("ACK-14", "CN-6")
    async def test_two_connects_in_one_body_have_two_numbers(self, server: BayeuxServer, alice: Acknowledging) -> None:
        publish(server, "a")
        connects = [alice.peer.message("/meta/connect", ext={"ack": 1}) for _ in range(2)]
        alice.carrier = alice.peer.send(*connects)
        assert alice.read() == ["a"]
        assert [reply["ext"]["ack"] for reply in alice.replies[-2:]] == [2, 3]
        assert alice.connect(ext={"ack": 1}).read() == ["a"]
        alice.connect()
        assert alice.is_held

    @spec("SES-4", "ACK-11")
    async def test_the_numbers_of_somebody_else_change_nothing(
        self, server: BayeuxServer, alice: Acknowledging, name: str
    ) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        mallory = Acknowledging(server, name).ready()
        fields = {"clientId": alice.peer.client_id, "ext": {"ack": 2}}
        mallory.peer.send(mallory.peer.message("/x", data=1), mallory.peer.message("/meta/connect", **fields))
        alice.lose()
        assert alice.connect().read() == ["a"]


class TestLoss:
    @spec("ACK-11", "ACK-15", "ADV-4")
    async def test_a_lost_response_comes_again_at_once(self, server: BayeuxServer, alice: Acknowledging) -> None:
        """Without waiting for anything else, and with advice, as if the client had asked not to wait."""
        alice.connect()
        publish(server, "a", "b", "c")
        await turn()
        alice.lose()
        assert alice.connect().read() == ["a", "b", "c"]
        assert alice.number == 3
        assert alice.reply["advice"] == RETRY
        alice.connect()
        assert alice.is_held, "everything is acknowledged"

    @spec("ACK-15")
    async def test_two_lost_responses_come_again(self, server: BayeuxServer, alice: Acknowledging) -> None:
        for batch in (("a",), ("b", "c")):
            alice.connect()
            publish(server, *batch)
            await turn()
            alice.lose()
        assert alice.connect().read() == ["a", "b", "c"]
        assert alice.number == 4

    @spec("ACK-15")
    async def test_new_events_follow_those_that_were_lost(self, server: BayeuxServer, alice: Acknowledging) -> None:
        """The transcript of the reference."""
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b")
        assert alice.connect(advice={"timeout": 0}).read() == ["a", "b"]
        assert alice.number == 3
        alice.connect()
        assert alice.is_held

    @spec("ACK-11", "ADV-4", "CN-4")
    async def test_new_events_hurry_the_lost_ones_along(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b")
        assert alice.connect().read() == ["a", "b"]
        assert "advice" not in alice.reply

    @spec("ACK-11", "CN-2")
    async def test_the_clients_own_timeout_is_heeded(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        alice.connect(advice={"timeout": 5000})
        assert alice.is_held
        publish(server, "b")
        await turn()
        assert alice.read() == ["a", "b"]

    @spec("ACK-11", "ADV-4")
    async def test_another_advice_than_a_timeout_does_not_keep_lost_events(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        assert alice.connect(advice={"interval": 1000}).read() == ["a"]
        assert alice.reply["advice"]["interval"] == 1000

    @spec("SES-8", "ACK-14")
    async def test_a_connection_lost_while_nothing_was_written_costs_no_number(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        alice.connect()
        alice.lose()
        publish(server, "a")
        await turn()
        assert alice.connect().read() == ["a"]
        assert alice.number == 2

    @spec("ACK-31")
    async def test_a_socket_that_breaks_between_events_and_reply_repeats_the_events(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        publish(server, "a", "b")
        await turn()
        assert alice.read(frames=1) == ["a", "b"]
        alice.lose()
        assert alice.connect().read() == ["a", "b"]
        assert alice.number == 3

    @spec("ACK-31", "WS-15")
    @pytest.mark.parametrize("options", [other(ws_messages_per_frame=1)], indirect=True)
    async def test_events_sent_again_are_framed_as_ever(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        publish(server, "a", "b")
        await turn()
        alice.lose()
        alice.connect()
        socket = alice.carrier
        assert socket is not None
        assert [[message.get("data") for message in part] for part in socket.sent] == [["a"], ["b"], [None]]

    @spec("ACK-15", "SES-3", "WS-14")
    async def test_lost_events_follow_the_client_from_transport_to_transport(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        alice.move("long-polling")
        publish(server, "b")
        alice.connect()
        alice.lose()
        assert alice.connect().read() == ["a", "b"]
        assert alice.number == 4
        alice.connect()
        publish(server, "c")
        await turn()
        alice.lose()
        alice.move("websocket")
        assert alice.connect().read() == ["c"]
        alice.connect()
        assert alice.is_held

    @spec("WS-14", "ACK-16", "CN-11")
    async def test_a_socket_that_was_left_takes_no_events(self, server: BayeuxServer) -> None:
        """The client is on its new socket while the reply for the old one still waits for an extension."""
        alice = Acknowledging(server, "websocket").ready("/n")
        waiting = Waiting()
        server.extensions.append(waiting)
        waiting.is_on = True
        publish(server, "a")
        old = alice.connect().carrier
        alice.open_socket()
        waiting.is_on = False
        alice.connect()
        assert alice.is_held, "another request of the session is being answered"
        waiting.go.set()
        await turn()
        assert alice.read() == ["a"]
        assert old is not None
        assert old.sent == []


class TestConcurrency:
    @spec("CN-10", "CN-11", "ACK-14")
    async def test_a_duplicate_connect_loses_nothing(self, server: BayeuxServer, alice: Acknowledging) -> None:
        first = alice.connect().carrier
        alice.connect()
        publish(server, "a")
        await turn()
        assert alice.read() == ["a"]
        assert alice.number == 2, "the replaced connect took no number"
        assert first is not None
        if not first.streaming:
            assert first.dismissed == 500

    @spec("ACK-16")
    async def test_what_is_published_behind_a_reply_leaves_with_the_next(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        """As soon as the reply has its number, although nobody has read it yet."""
        server.listeners.batch_sent.append(
            lambda session, events, number: publish(server, "b") if number == 2 else None
        )
        alice.connect()
        publish(server, "a")
        await turn()
        assert alice.read() == ["a"]
        assert alice.connect().read() == ["b"]
        assert alice.number == 3

    @spec("ACK-16", "CN-10", "CN-11")
    async def test_an_overtaken_reply_is_not_sent(self, server: BayeuxServer) -> None:
        """Two polls are open: the events go with the later one alone, or its client would see them twice."""
        alice, waiting = Acknowledging(server, "long-polling").ready("/n"), Waiting()
        server.extensions.append(waiting)
        first = alice.connect().carrier
        waiting.is_on = True
        publish(server, "a")
        await turn()
        waiting.is_on = False
        publish(server, "b")
        assert alice.connect().read() == ["a", "b"]
        waiting.go.set()
        await turn()
        assert first is not None
        assert (first.sent, first.dismissed) == ([], 500)
        alice.connect()
        assert alice.is_held

    @spec("ACK-16", "CN-11")
    async def test_an_overtaken_answer_keeps_its_other_replies(self, server: BayeuxServer) -> None:
        alice, waiting = Acknowledging(server, "long-polling").ready("/n"), Waiting()
        server.extensions.append(waiting)
        waiting.is_on = True
        publish(server, "a")
        messages = [alice.peer.message("/x", data=1), alice.peer.message("/meta/connect", ext={"ack": 1})]
        first = alice.peer.send(*messages)
        waiting.is_on = False
        assert alice.connect(advice={"timeout": 0}).read() == ["a"]
        waiting.go.set()
        await turn()
        assert [[message["channel"] for message in part] for part in first.sent] == [["/x"]]

    @spec("ACK-16", "SES-8")
    async def test_a_reply_whose_client_left_meanwhile_takes_no_events(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        waiting = Waiting()
        server.extensions.append(waiting)
        alice.connect()
        waiting.is_on = True
        publish(server, "a")
        await turn()
        assert alice.carrier is not None
        alice.carrier.closed = True
        server.connection_lost(alice.carrier)
        waiting.go.set()
        await turn()
        waiting.is_on = False
        assert alice.connect().read() == ["a"]
        assert alice.number == 2

    @spec("ACK-19", "PUB-12", "BAT-4")
    async def test_a_publish_response_holds_its_reply_alone(self, server: BayeuxServer, alice: Acknowledging) -> None:
        """The echo comes with the connect, which is released right after."""
        alice.connect()
        answer = alice.peer.publish("/n", "mine")
        if alice.peer.name == "long-polling":
            assert [message["channel"] for message in answer] == ["/n"]
            assert "data" not in answer[0]
        await turn()
        assert alice.read() == ["mine"]
        assert alice.number == 2

    @spec("ACK-19", "CN-6")
    async def test_a_connect_in_a_batch_takes_the_echo_along(self, server: BayeuxServer, alice: Acknowledging) -> None:
        messages = [alice.peer.message("/n", data="mine"), alice.peer.message("/meta/connect", ext={"ack": 1})]
        alice.carrier = alice.peer.send(*messages)
        assert alice.read() == ["mine"]
        assert alice.number == 2

    @spec("SN-3", "ACK-15")
    async def test_lost_events_come_again_while_the_application_collects_new_ones(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        """Their reply has a number, so without them the client would acknowledge what it never saw."""
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        with alice.session.batch():
            publish(server, "b")
            assert alice.connect(advice={"timeout": 0}).read() == ["a"]
            alice.connect(ext={"ack": 1})
            assert alice.is_held, "it can wait for the others"
            alice.connect()
            assert alice.is_held
            publish(server, "c")
            await turn()
            assert alice.read() == []
        await turn()
        assert alice.read() == ["b", "c"]

    @spec("WS-21", "ACK-15")
    async def test_a_slow_reader_is_not_answered_without_its_events(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        socket = alice.carrier
        assert socket is not None
        socket.writable = False
        publish(server, "a")
        await turn()
        assert (socket.sent, alice.is_held) == ([], True)
        socket.writable = True
        server.writable_again(socket)
        await turn()
        assert alice.read() == ["a"]

    @spec("WS-21", "ACK-15")
    async def test_a_slow_readers_number_never_covers_what_was_left_out(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "websocket").ready("/n")
        alice.connect()
        publish(server, "a")
        await turn()
        assert alice.carrier is not None
        alice.carrier.sent.clear()
        alice.carrier.writable = False
        publish(server, "b")
        assert alice.connect(advice={"timeout": 0}).read() == ["a"]
        alice.carrier.writable = True
        assert alice.connect().read() == ["b"]


class TestLazy:
    @spec("ACK-17", "Q-11", "CN-5")
    async def test_lazy_events_that_wait_hurry_nobody(
        self, server: BayeuxServer, alice: Acknowledging, clock: ManualClock
    ) -> None:
        publish(server, "idle", lazy=True)
        alice.connect()
        assert alice.is_held
        await pass_time(server, clock, 5.5)
        assert alice.read() == ["idle"]
        assert alice.number == 2

    @spec("ACK-17")
    async def test_lazy_events_that_were_sent_come_again_at_once(
        self, server: BayeuxServer, alice: Acknowledging, clock: ManualClock
    ) -> None:
        alice.connect()
        publish(server, "idle", lazy=True)
        await pass_time(server, clock, 5.5)
        alice.lose()
        publish(server, "later", lazy=True)
        assert alice.connect().read() == ["idle", "later"]
        alice.connect()
        assert alice.is_held


class TestListeners:
    @spec("ACK-15", "ACK-11")
    async def test_they_are_told_what_left_and_what_arrived(self, server: BayeuxServer, alice: Acknowledging) -> None:
        news: list[Any] = []
        server.listeners.batch_sent.append(lambda session, events, number: news.append((number, len(events))))
        server.listeners.batch_received.append(lambda session, number: news.append(number))
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b")
        alice.connect().read()
        alice.connect()
        assert news == [1, (2, 1), 1, (3, 2), 3]
        alice.connect(ext={"ack": 99}, advice={"timeout": 0})
        assert news[5:] == [3, (4, 0)], "what was never sent was not received"
        alice.connect(ext={"ack": 0}, advice={"timeout": 0})
        assert news[7:] == [(5, 0)], "there is no batch 0"

    @spec("ACK-15")
    async def test_a_listener_of_what_left_may_end_the_session(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        server.listeners.batch_sent.append(lambda session, events, number: session.disconnect())
        alice.connect()
        publish(server, "a")
        await turn()
        assert alice.read() == ["a"]
        assert not server.session(alice.peer.client_id or "")

    @spec("ACK-18", "QUE-3", "QUE-4")
    async def test_a_dequeue_listener_sees_what_comes_again_and_may_drop_it(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        seen = []

        @server.listeners.dequeue
        def drop_a(session: Any, queue: list[Any], replies: Any) -> None:
            seen.append([bytes(message.json) for message in queue])
            if len(seen) > 1:
                queue[:] = [message for message in queue if b'"a"' not in message.json]

        alice.connect()
        publish(server, "a", "b")
        await turn()
        alice.lose()
        publish(server, "c")
        assert alice.connect().read() == ["b", "c"]
        assert [len(each) for each in seen] == [2, 3]
        alice.connect(ext={"ack": 1})
        assert alice.read() == ["b", "c"], "what was dropped is gone for good"

    @spec("ACK-18", "Q-3")
    async def test_a_dequeue_listener_may_drop_everything(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        server.listeners.dequeue.append(lambda session, queue, replies: queue.clear())
        assert alice.connect().read() == []
        alice.connect(ext={"ack": 1})
        assert alice.is_held

    @spec("ACK-18", "QUE-3")
    async def test_a_dequeue_listener_may_merge_and_reorder(self, server: BayeuxServer, alice: Acknowledging) -> None:
        """The order it leaves is the order of the wire, also when all of it has to be sent again."""
        alice.connect()
        publish(server, 1, 2)
        await turn()
        alice.lose()
        reverse = server.listeners.dequeue.add(lambda session, queue, replies: queue.reverse())
        publish(server, 3)
        assert alice.connect().read() == [3, 2, 1]
        reverse()
        assert alice.connect(ext={"ack": 1}).read() == [3, 2, 1]
        alice.connect()
        assert alice.is_held

    @spec("ACK-10", "SN-6")
    async def test_a_vetoed_event_is_nothing_to_acknowledge(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.session.listeners.message.append(lambda session, event: event["data"] != "no")
        publish(server, "yes", "no")
        alice.connect()
        alice.lose()
        assert alice.connect().read() == ["yes"]


class TestBounds:
    @spec("ACK-40", "Q-4", "SEC-L16")
    @pytest.mark.parametrize("options", [other(max_queue=5)], indirect=True)
    @pytest.mark.parametrize("is_lost", [True, False])
    async def test_what_was_sent_counts_as_queued(
        self, server: BayeuxServer, alice: Acknowledging, is_lost: bool
    ) -> None:
        reasons: list[Any] = []
        server.listeners.session_removed.append(lambda session, reason: reasons.append(reason))
        for batch in (("a", "b", "c"), ("d", "e")):
            alice.connect()
            publish(server, *batch)
            await turn()
            alice.read() if not is_lost else alice.lose()
        alice.connect(advice={"timeout": 0}).read()
        assert alice.connect().is_held
        publish(server, "f")
        assert reasons == []
        publish(server, *range(5))
        assert reasons == [EndReason.SLOW]
        if alice.peer.name == "websocket":
            assert alice.carrier is not None
            assert alice.carrier.close_code == 1008
        alice.peer.socket = None
        alice.move("long-polling")
        alice.connect().read()
        assert (alice.reply["error"], alice.reply["advice"]["reconnect"]) == ("402::session_unknown", "handshake")

    @spec("ACK-40", "Q-4")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    async def test_sent_events_alone_can_fill_the_bounds(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a", "b")
        await turn()
        assert server.session(alice.peer.client_id or "")
        publish(server, "c")
        assert not server.session(alice.peer.client_id or "")

    @spec("ACK-40", "Q-4")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    async def test_what_was_acknowledged_makes_room_at_once(self, server: BayeuxServer, alice: Acknowledging) -> None:
        for batch in (["a", "b"], ["c", "d"], ["e", "f"]):
            alice.connect()
            publish(server, *batch)
            await turn()
            assert alice.read() == batch

    @spec("ACK-40", "SEC-L16")
    @pytest.mark.parametrize("options", [other(max_queue_bytes=400, max_message_size=400)], indirect=True)
    async def test_bytes_count_as_well(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "x" * 250)
        await turn()
        publish(server, "y" * 250)
        assert not server.session(alice.peer.client_id or "")

    @spec("ACK-40")
    @pytest.mark.parametrize(
        "options", [other(max_queue=2, queue_overflow=each) for each in ("drop_new", "drop_old", "call")], indirect=True
    )
    async def test_nothing_is_dropped_in_silence(self, server: BayeuxServer, alice: Acknowledging) -> None:
        """The client counts on getting everything: it is told that it did not."""
        alice.connect()
        publish(server, "a")
        await turn()
        publish(server, "b", "c")
        assert not server.session(alice.peer.client_id or "")

    @spec("ACK-40")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    async def test_a_listener_may_shrink_what_is_kept(self, server: BayeuxServer, alice: Acknowledging) -> None:
        asked = []

        @server.listeners.ack_queue_full
        def forget(session: Any) -> None:
            asked.append(session)
            session.acknowledgement.forget(2)

        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b", "c")
        assert asked == [alice.session]
        assert alice.connect().read() == ["b", "c"]

    @spec("ACK-40")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    async def test_a_listener_may_shrink_what_waits(self, server: BayeuxServer, alice: Acknowledging) -> None:
        server.listeners.ack_queue_full.append(lambda session: session.queue.messages.clear())
        publish(server, "a", "b", "c")
        assert alice.connect().read() == ["c"]

    @spec("ACK-40", "Q-1")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    @pytest.mark.parametrize(("is_wanted", "got"), [(True, ["a", "b", "c"]), (False, ["a", "b"])])
    async def test_queue_listeners_decide_as_ever(
        self, server: BayeuxServer, alice: Acknowledging, is_wanted: bool, got: list[str]
    ) -> None:
        server.listeners.queue_full.append(lambda *_: is_wanted)
        publish(server, "a", "b", "c")
        assert alice.connect().read() == got

    @spec("ACK-40")
    @pytest.mark.parametrize("options", [other(max_queue=2)], indirect=True)
    async def test_a_listener_may_end_the_session_itself(self, server: BayeuxServer, alice: Acknowledging) -> None:
        session = alice.session
        server.listeners.ack_queue_full.append(lambda session: session.disconnect())
        publish(server, "a", "b", "c", "d")
        assert session.end_reason is EndReason.KICKED

    @spec("ACK-41")
    @pytest.mark.parametrize("options", [other(ack_max_resends=3)], indirect=True)
    async def test_a_client_that_repeats_a_number_is_sent_away(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        reasons: list[Any] = []
        server.listeners.session_removed.append(lambda session, reason: reasons.append(reason))
        alice.connect()
        publish(server, "a")
        await turn()
        alice.read()
        alice.number = 1
        for _ in range(3):
            assert alice.connect().read() == ["a"]
            alice.number = 1
        assert reasons == []
        alice.connect()
        assert reasons == [EndReason.SLOW]
        assert alice.carrier is not None
        assert server.counters.rejected["ACK-41"] == 1
        if alice.peer.name == "websocket":
            assert (alice.carrier.close_code, alice.carrier.sent) == (1008, [])
        else:
            assert alice.read() == []
            assert alice.reply["error"] == "402::session_unknown"
            assert alice.reply["advice"] == {"reconnect": "handshake", "interval": 0}

    @spec("ACK-41", "ACK-13")
    @pytest.mark.parametrize("options", [other(ack_max_resends=3)], indirect=True)
    async def test_saying_no_number_is_no_way_around(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        for _ in range(4):
            alice.connect(ext={}, advice={"timeout": 0})
        assert not server.session(alice.peer.client_id or "")

    @spec("ACK-41")
    @pytest.mark.parametrize("options", [other(ack_max_resends=3), other(ack_max_resends=0)], indirect=True)
    async def test_a_step_forward_is_patience_regained(
        self, server: BayeuxServer, alice: Acknowledging, options: Options
    ) -> None:
        """A client that loses many answers in a row but not all of them stays; 0 is patience without end."""
        for _ in range(5):
            for number in range(3 if options.ack_max_resends else 20):
                alice.connect()
                publish(server, number)
                await turn()
                alice.lose()
            alice.connect().read()
        assert server.session(alice.peer.client_id or "")

    @spec("ACK-41")
    @pytest.mark.parametrize("options", [other(ack_max_resends=1)], indirect=True)
    async def test_quiet_connects_repeat_nothing(self, server: BayeuxServer, alice: Acknowledging) -> None:
        for _ in range(5):
            alice.connect(ext={"ack": 0}, advice={"timeout": 0})
        assert server.session(alice.peer.client_id or "")


class TestEndings:
    @spec("ACK-42", "ACK-20", "SES-5")
    async def test_unacknowledged_events_do_not_keep_a_session(
        self, server: BayeuxServer, alice: Acknowledging, clock: ManualClock
    ) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        session = alice.session
        alice.lose()
        await pass_time(server, clock, OPTIONS.max_interval + 1.0)
        assert not server.session(alice.peer.client_id or "")
        assert session.acknowledgement is None

    @spec("ACK-20", "DSC-2")
    async def test_a_disconnect_takes_the_last_events_along(self, server: BayeuxServer, alice: Acknowledging) -> None:
        session = alice.connect().session
        publish(server, "a")
        alice.peer.ask("/meta/disconnect")
        assert alice.read() == ["a"]
        assert alice.reply["advice"]["reconnect"] == "none"
        assert session.acknowledgement is None

    @spec("DSC-6", "ACK-15")
    async def test_a_kick_brings_lost_events_and_the_news(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        alice.connect(ext={})
        publish(server, "b")
        server.kick(alice.session)
        assert alice.read() == ["a", "b"]
        assert alice.peer.events[-1]["channel"] != "/meta/connect"
        assert alice.reply["ext"] == {"ack": 3}
        assert alice.reply["advice"]["reconnect"] == "none"

    @spec("DSC-7", "ACK-15")
    async def test_a_client_kicked_between_two_polls_gets_what_it_lost(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "long-polling").ready("/n")
        alice.connect()
        publish(server, "a")
        await turn()
        alice.lose()
        publish(server, "b")
        server.kick(alice.session)
        assert alice.connect().read() == ["a", "b"]
        assert alice.reply["advice"]["reconnect"] == "none"

    @spec("ACK-20", "HS-1")
    async def test_a_new_session_counts_anew(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await turn()
        alice.handshake()
        alice.peer.subscribe("/n")
        if alice.peer.socket is not None:
            alice.peer.socket.sent.clear()
        assert alice.connect().read() == []
        assert alice.number == 1

    @spec("DSC-11", "ACK-14")
    async def test_a_drain_says_the_number(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        publish(server, "a")
        await server.drain(spread=0.0)
        assert alice.read() == ["a"]
        assert alice.number == 2


class TestReload:
    @spec("RLD-3", "RLD-4", "RLD-8", "SES-8", "CN-10", "WS-14")
    @pytest.mark.parametrize("has_noticed", [True, False])
    async def test_a_page_that_comes_back_gets_every_event_once(
        self, server: BayeuxServer, alice: Acknowledging, has_noticed: bool
    ) -> None:
        """The old connection may still look held; the new page resumes with the number the old one stored."""
        alice.connect()
        publish(server, 1)
        await turn()
        assert alice.read() == [1]
        old = alice.connect().carrier
        if has_noticed:
            alice.lose()
            publish(server, 2)
            await turn()
        elif alice.peer.socket is not None:
            alice.open_socket()
        got = alice.connect(advice={"timeout": 0}).read()
        assert "advice" in alice.reply
        alice.connect()
        assert alice.is_held
        publish(server, 3)
        await turn()
        assert got + alice.read() == ([2, 3] if has_noticed else [3])
        assert old is not None
        assert [message for part in old.sent for message in part if "data" in message] == []

    @spec("RLD-3", "RLD-8", "ACK-15")
    async def test_events_written_to_the_page_that_went_away_come_again(
        self, server: BayeuxServer, alice: Acknowledging
    ) -> None:
        alice.connect()
        publish(server, 1)
        await turn()
        if alice.peer.socket is not None:
            alice.open_socket()
        publish(server, 2)
        assert alice.connect(advice={"timeout": 0}).read() == [1, 2]

    @spec("RLD-4", "SUB-7")
    async def test_subscribing_again_changes_nothing(self, server: BayeuxServer, alice: Acknowledging) -> None:
        alice.connect()
        alice.lose()
        alice.connect(advice={"timeout": 0}).read()
        alice.peer.subscribe("/n")
        alice.connect()
        publish(server, 1)
        await turn()
        assert alice.read() == [1]

    @spec("RLD-6", "CN-21")
    async def test_an_expired_session_is_unknown(
        self, server: BayeuxServer, alice: Acknowledging, clock: ManualClock
    ) -> None:
        alice.connect()
        alice.lose()
        await pass_time(server, clock, OPTIONS.max_interval + 1.0)
        alice.connect(advice={"timeout": 0}).read()
        assert alice.reply["error"] == "402::session_unknown"
        assert alice.reply["advice"]["reconnect"] == "handshake"

    @spec("RLD-7", "COOK-10")
    @pytest.mark.parametrize("options", [other(max_sessions_per_browser=1)], indirect=True)
    async def test_the_old_pages_place_is_free_at_once(self, server: BayeuxServer) -> None:
        alice = Acknowledging(server, "long-polling").ready("/n")
        alice.connect()
        alice.lose()
        alice.connect(advice={"timeout": 0}).read()
        assert "multiple-clients" not in alice.reply.get("advice", {})
        alice.connect()
        assert alice.is_held


class TestReplay:
    @spec("RPL-22", "RPL-23", "ACK-40", "ACK-15")
    @pytest.mark.parametrize(
        "options", [other(max_queue=10), other(max_queue_bytes=2000, max_message_size=500)], indirect=True
    )
    @pytest.mark.parametrize("losses", [0, 1, 6])
    async def test_a_long_history_waits_for_what_is_not_acknowledged(
        self, server: BayeuxServer, name: str, losses: int
    ) -> None:
        """It comes in slices, each as soon as there is room; however many answers are lost, none is too much."""
        server.extensions.append(Replay({"/n": Retention(events=100)}))
        history = [f"{number:0200}" for number in range(50)]
        publish(server, *history)
        alice = Acknowledging(server, name).ready()
        alice.peer.subscribe("/n", ext={"replay": {"/n": -2}})
        if alice.peer.socket is not None:
            alice.peer.socket.sent.clear()
        got: list[Any] = []
        while len(got) < len(history):
            for _ in range(losses):
                alice.connect()
                await turn()
                alice.lose()
            alice.connect()
            await turn()
            assert not alice.is_held, "there is more to come"
            got += alice.read()
        assert got == history
        publish(server, "live")
        assert alice.connect().read() == ["live"]


class TestExt:
    @spec("XT-2")
    @pytest.mark.parametrize(("sent", "got"), [({"ack": 3, "x": 1}, {"x": 1}), ({"ack": 3}, None), ({}, None)])
    async def test_numbers_do_not_reach_subscribers(self, server: BayeuxServer, name: str, sent: Any, got: Any) -> None:
        bob = Peer(server, name).handshake()
        bob.subscribe("/n")
        bob.publish("/n", 1, ext=sent)
        await turn()
        (event,) = bob.events
        assert event.get("ext") == got

    @spec("XT-3", "ACK-19")
    async def test_other_replies_have_no_ext(self, server: BayeuxServer, alice: Acknowledging) -> None:
        for channel, fields in (("/meta/subscribe", {"subscription": "/x"}), ("/x", {"data": 1}),
                                ("/meta/unsubscribe", {"subscription": "/x"}), ("/meta/disconnect", {})):  # fmt: skip
            reply = alice.peer.ask(channel, ext={"ack": 1}, **fields)[-1]
            assert reply["successful"]
            assert "ext" not in reply
