"""The client's side of the conversation, without a socket: what it says, hears, and does next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.client.advice import Advice
from bayeux.client.conversation import Conversation, Exchange, Step
from bayeux.client.errors import ClientDisconnected, HandshakeRefused, SessionLost, TransportFailed
from bayeux.client.event import Event, Position
from bayeux.client.listeners import State, StateChange

RETRY = {"reconnect": "retry", "interval": 0, "timeout": 30_000}


class Talk:
    """A conversation with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.changes: list[StateChange] = []
        self.client = Conversation(clock=lambda: self.now, random=lambda: 0.0, on_state=self.changes.append)

    @property
    def states(self) -> list[State]:
        return [change.state for change in self.changes]

    @property
    def next(self) -> tuple[Step, float]:
        return self.client.step, self.client.pause

    def handshake(self, **reply: Any) -> Talk:
        message = self.client.handshake(["websocket"], {})
        self.client.handshake_answered(
            {"id": message["id"], "successful": True, "clientId": "S", "advice": RETRY, **reply}
        )
        return self

    def connect(self, **reply: Any) -> Talk:
        self.client.connect("websocket")
        self.client.connect_answered({"channel": "/meta/connect", "successful": True, **reply})
        return self


@pytest.fixture
def talk() -> Talk:
    return Talk()


def exchange(talk: Talk, *channels: str) -> tuple[Exchange, list[str]]:
    """Requests awaited together, and a list that grows when they are settled."""
    messages = [talk.client.message(channel, {}) for channel in channels]
    settled: list[str] = []
    return talk.client.expect(messages, lambda: settled.append("settled")), settled


@pytest.mark.spec("HS-1")
def test_a_handshake_says_what_it_can_and_names_no_session(talk: Talk) -> None:
    talk.handshake()
    fields = {"ext": {"token": "t"}, "application": 1, "version": "0.1"}
    assert talk.client.handshake(["websocket", "long-polling"], fields) == {
        "id": "2",
        "channel": "/meta/handshake",
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["websocket", "long-polling"],
        "ext": {"token": "t"},
        "application": 1,
    }


@pytest.mark.spec("NEG-6", "CN-2")
def test_a_connect_is_held_only_once_connected(talk: Talk) -> None:
    talk.handshake()
    first = talk.client.connect("long-polling")
    assert first == {
        "id": "2",
        "channel": "/meta/connect",
        "clientId": "S",
        "connectionType": "long-polling",
        "advice": {"timeout": 0},
    }
    assert talk.client.hold(first) == 0.0
    talk.connect()
    second = talk.client.connect("long-polling")
    assert "advice" not in second
    assert talk.client.hold(second) == 30.0
    talk.client.broken(is_refused=False)
    assert "advice" in talk.client.connect("long-polling")


@pytest.mark.spec("CLI-2", "ADV-1")
def test_after_a_connect_comes_the_next_after_the_advised_interval(talk: Talk) -> None:
    talk.handshake().connect(advice={"reconnect": "retry", "interval": 2500, "timeout": 1000})
    assert talk.next == (Step.CONNECT, 2.5)
    assert talk.client.state is State.CONNECTED
    assert talk.client.hold(talk.client.connect("websocket")) == 1.0


@pytest.mark.spec("CLI-2", "COOK-11")
def test_one_of_too_many_clients_polls(talk: Talk) -> None:
    talk.handshake().connect(advice={**RETRY, "interval": 2000, "multiple-clients": True})
    assert talk.client.advice.multiple_clients
    assert talk.next == (Step.CONNECT, 2.0)
    talk.connect(advice=RETRY)
    assert not talk.client.advice.multiple_clients
    assert talk.next == (Step.CONNECT, 0.0)


@pytest.mark.spec("CLI-2", "COOK-12")
def test_a_client_too_many_is_told_to_go(talk: Talk) -> None:
    talk.handshake().connect()
    with pytest.raises(ClientDisconnected):
        talk.connect(successful=False, advice={"multiple-clients": True, "reconnect": "none"})
    assert talk.next == (Step.STOP, 0.0)


@pytest.mark.spec("CLI-2", "CLI-4", "CN-21")
@pytest.mark.parametrize("error", ["402::session_unknown", "401:S:Unknown client", "403::Unknown client"])
@pytest.mark.parametrize("advice", [{}, {"advice": {"reconnect": "handshake", "interval": 0}}])
def test_an_unknown_session_handshakes_again_at_once(talk: Talk, error: str, advice: dict[str, Any]) -> None:
    talk.handshake().connect().connect(successful=False, error=error, **advice)
    assert talk.next == (Step.HANDSHAKE, 0.0)
    assert talk.client.state is State.BROKEN
    assert talk.client.advice.timeout == 30.0


@pytest.mark.spec("CLI-2")
def test_sessions_that_never_connect_are_asked_for_with_growing_pauses(talk: Talk) -> None:
    pauses = []
    for _ in range(4):
        talk.handshake().connect(successful=False, error="402::session_unknown")
        pauses.append(talk.client.pause)
    assert pauses == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.spec("CLI-2")
def test_a_refused_connect_is_tried_again_with_growing_pauses(talk: Talk) -> None:
    talk.handshake().connect()
    pauses = []
    for _ in range(3):
        talk.connect(successful=False, error="404::message_deleted")
        pauses.append(talk.next)
    assert pauses == [(Step.CONNECT, 0.0), (Step.CONNECT, 1.0), (Step.CONNECT, 2.0)]
    assert talk.connect().next == (Step.CONNECT, 0.0)


@pytest.mark.spec("CLI-2", "ADV-8")
def test_advice_none_is_the_end(talk: Talk) -> None:
    talk.handshake()
    with pytest.raises(ClientDisconnected):
        talk.connect(advice={"reconnect": "none"})
    assert talk.next == (Step.STOP, 0.0)
    assert talk.states == [State.CONNECTED, State.DISCONNECTED]
    assert talk.client.client_id is None


@pytest.mark.spec("CLI-2", "HS-7")
@pytest.mark.parametrize("advice", [{"reconnect": "none"}, None])
def test_a_refused_handshake_is_the_end(talk: Talk, advice: object) -> None:
    with pytest.raises(HandshakeRefused, match="403::handshake_denied") as refused:
        talk.handshake(successful=False, error="403::handshake_denied", advice=advice)
    assert refused.value.code == 403
    assert talk.client.state is State.DISCONNECTED


@pytest.mark.spec("CLI-2", "HS-17")
def test_a_handshake_refused_for_now_is_tried_again(talk: Talk) -> None:
    for pause in (0.5, 1.5):
        talk.handshake(successful=False, error="503::unavailable", advice={"reconnect": "handshake", "interval": 500})
        assert talk.next == (Step.HANDSHAKE, pause)


@pytest.mark.spec("CLI-2")
def test_a_broken_connection_is_tried_again_with_the_same_session(talk: Talk) -> None:
    talk.handshake().connect()
    pauses = []
    for _ in range(3):
        talk.client.broken(is_refused=False)
        pauses.append(talk.next)
    assert pauses == [(Step.CONNECT, 0.0), (Step.CONNECT, 1.0), (Step.CONNECT, 2.0)]
    assert talk.client.client_id == "S"


@pytest.mark.spec("NEG-2")
def test_a_refused_transport_needs_a_handshake(talk: Talk) -> None:
    talk.handshake().connect()
    talk.client.broken(is_refused=True)
    assert talk.client.step is Step.HANDSHAKE


@pytest.mark.spec("ADV-5")
def test_a_session_that_cannot_live_any_more_is_given_up(talk: Talk) -> None:
    talk.handshake(advice={**RETRY, "maxInterval": 10_000}).connect()
    talk.now = 40.0
    talk.client.broken(is_refused=False)
    assert talk.client.step is Step.CONNECT
    talk.now = 40.1
    talk.client.broken(is_refused=False)
    assert talk.client.step is Step.HANDSHAKE


@pytest.mark.spec("CLI-5")
def test_each_state_is_told_once_with_its_time(talk: Talk) -> None:
    talk.handshake()
    talk.now = 3.0
    talk.connect().connect()
    assert (talk.client.state, talk.client.since) == (State.CONNECTED, 3.0)
    talk.now = 5.0
    talk.client.broken(is_refused=False, reason="cut")
    talk.client.broken(is_refused=False, reason="still cut")
    talk.client.stop("enough")
    talk.client.broken(is_refused=False)
    assert talk.client.since == 5.0
    assert talk.changes == [
        StateChange(State.CONNECTED, State.CONNECTING, since=3.0, lasted=3.0, reason=""),
        StateChange(State.BROKEN, State.CONNECTED, since=5.0, lasted=2.0, reason="cut"),
        StateChange(State.DISCONNECTED, State.BROKEN, since=5.0, lasted=0.0, reason="enough"),
    ]


@pytest.mark.spec("CLI-5")
def test_the_last_sign_of_life_is_the_last_successful_connect(talk: Talk) -> None:
    talk.handshake().connect()
    talk.now = 7.0
    talk.connect(successful=False)
    assert talk.client.heard == 0.0
    talk.connect()
    assert talk.client.heard == 7.0


@pytest.mark.spec("CLI-4", "MSG-10")
def test_replies_are_found_in_any_order_with_numbers_for_ids(talk: Talk) -> None:
    asked, settled = exchange(talk, "/a", "/meta/subscribe")
    first, second = asked.messages
    reply_to_second = {"id": int(second["id"]), "channel": "/meta/subscribe", "clientId": "S", "successful": True}
    reply_to_first = {"id": first["id"], "channel": "/a", "successful": False, "error": "403::x"}
    events = talk.client.receive([reply_to_second, {"channel": "/a", "data": 1}, reply_to_first])
    assert events == [Event("/a", 1)]
    assert asked.replies == [reply_to_first, reply_to_second]
    assert settled == ["settled"]


@pytest.mark.spec("CLI-4", "ADV-10", "PUB-9")
def test_an_event_has_its_own_fields_and_gives_no_advice(talk: Talk) -> None:
    talk.handshake()
    before = talk.client.advice
    message = {
        "id": "1",
        "channel": "/a",
        "ext": {"e": 1},
        "timestamp": "t",
        "advice": {"reconnect": "none"},
        "clientId": "other",
    }
    assert talk.client.receive([message]) == [Event("/a", None, {"e": 1}, {"timestamp": "t"})]
    assert talk.client.advice == before


@pytest.mark.spec("RPL-13", "XT-1")
@pytest.mark.parametrize(
    ("replay", "position"),
    [
        ({"id": 7, "epoch": "k"}, Position(7, "k")),
        ({"id": 7}, Position(7)),
        ({"id": "7", "epoch": "k"}, None),
        ({"id": True}, None),
        (7, Position(7)),
        ("x", None),
        (None, None),
    ],
)
def test_an_event_tells_its_position(talk: Talk, replay: object, position: Position | None) -> None:
    [event] = talk.client.receive([{"channel": "/a", "data": 1, "ext": {"replay": replay}}])
    assert event.position == position


def test_a_late_or_foreign_reply_is_nobodys(talk: Talk) -> None:
    messages = [talk.client.message("/a", {})]
    talk.client.abandon(talk.client.expect(messages, lambda: pytest.fail("settled")))
    late = {"id": messages[0]["id"], "channel": "/a", "successful": True}
    assert talk.client.receive([late, {**late, "id": "77"}, {"successful": True}]) == []


def test_a_lost_connection_settles_every_exchange_once(talk: Talk) -> None:
    _, settled = exchange(talk, "/a", "/b")
    _, settled_too = exchange(talk, "/c")
    talk.client.fail(TransportFailed("cut"))
    talk.client.fail(TransportFailed("cut"))
    assert settled == settled_too == ["settled"]


@pytest.mark.spec("DSC-6")
def test_a_kick_is_the_end_and_fails_what_was_asked(talk: Talk) -> None:
    talk.handshake().connect()
    _, settled = exchange(talk, "/meta/connect")
    kick = {"channel": "/meta/disconnect", "successful": True}
    assert talk.client.receive([{"channel": "/a", "data": "last"}, kick]) == [Event("/a", "last")]
    assert settled == ["settled"]
    assert talk.next == (Step.STOP, 0.0)


@pytest.mark.parametrize(
    "wire",
    [{"interval": "soon", "timeout": None}, {"interval": True, "timeout": []}, {"interval": -5, "timeout": 0}],
)
def test_advice_without_sense_leaves_the_defaults(wire: dict[str, Any]) -> None:
    advice = Advice(timeout=20.0).updated(wire)
    assert (advice.interval, advice.timeout) == (0.0, 20.0)


class CallOf:
    """A remote call that waits, and what it hears."""

    def __init__(self, talk: Talk) -> None:
        message = talk.client.message("/service/add", {"data": 1})
        self.id = message["id"]
        self.settled: list[str] = []
        self.exchange = talk.client.expect([message], lambda: self.settled.append("reply"))
        self.call = talk.client.expect_answer(message, lambda: self.settled.append("answer"))

    def reply(self, **fields: Any) -> dict[str, Any]:
        return {"id": self.id, "channel": "/service/add", "successful": True, **fields}


@pytest.mark.spec("RPC-4", "RPC-5")
def test_an_answer_behind_the_reply_is_waited_for(talk: Talk) -> None:
    calling = CallOf(talk)
    talk.client.receive([calling.reply()])
    assert calling.settled == ["reply"]
    talk.client.fail(TransportFailed("cut"))  # the server keeps the answer
    assert talk.client.receive([calling.reply(id=int(calling.id), data=None)]) == []
    assert calling.settled == ["reply", "answer"]
    assert calling.call.replies == [calling.reply(id=int(calling.id), data=None)]


@pytest.mark.spec("RPC-4", "RPC-5", "BAT-5")
def test_an_answer_before_the_reply_is_enough(talk: Talk) -> None:
    calling = CallOf(talk)
    answer = calling.reply(successful=False, data={"reason": "full"})
    assert talk.client.receive([answer, calling.reply()]) == []
    assert calling.settled == ["answer", "reply"]
    assert calling.exchange.replies == calling.call.replies == [answer]


@pytest.mark.spec("RPC-7")
def test_an_answer_nobody_waits_for_any_more_is_dropped(talk: Talk) -> None:
    calling = CallOf(talk)
    talk.client.abandon(calling.call)
    talk.client.abandon(calling.exchange)
    assert talk.client.receive([calling.reply(data=1)]) == []
    assert calling.settled == []


@pytest.mark.spec("RPC-4")
def test_an_event_on_another_channel_is_no_answer(talk: Talk) -> None:
    calling = CallOf(talk)
    elsewhere = {"id": calling.id, "channel": "/service/other", "data": 1}
    assert talk.client.receive([elsewhere, {"channel": "/service/add", "data": 2}]) == [
        Event("/service/other", 1),
        Event("/service/add", 2),
    ]
    assert calling.settled == []


@pytest.mark.spec("RPC-7")
def test_calls_end_with_their_session(talk: Talk) -> None:
    talk.handshake()
    lost = CallOf(talk)
    talk.client.handshake([], {})
    assert isinstance(lost.call.error, SessionLost)
    ended = CallOf(talk)
    talk.client.stop()
    assert isinstance(ended.call.error, ClientDisconnected)


@pytest.mark.spec("HS-14")
def test_events_announced_with_the_handshake_are_counted(talk: Talk) -> None:
    heard: list[str] = []
    message = talk.client.handshake([], {})
    talk.client.expect([message], lambda: None)
    talk.client.receive([{"id": message["id"], "channel": "/meta/handshake", "successful": True, "x-messages": 2}])
    assert talk.client.expect_announced(lambda: heard.append("all"))
    talk.client.receive([{"channel": "/a", "data": 1}])
    assert heard == []
    talk.client.receive([{"channel": "/b", "data": 2}, {"channel": "/c", "data": 3}])
    assert heard == ["all"]
    assert not talk.client.expect_announced(lambda: None)


@pytest.mark.spec("HS-14")
def test_without_the_announced_events_there_is_another_session(talk: Talk) -> None:
    """They left with the reply, on a socket that broke: the server thinks that they arrived."""
    talk.handshake()
    message = talk.client.handshake([], {})
    talk.client.expect([message], lambda: None)
    reply = {"id": message["id"], "channel": "/meta/handshake", "successful": True, "clientId": "S", "x-messages": 2}
    talk.client.receive([reply])
    talk.client.handshake_answered(reply)
    talk.client.broken(is_refused=False)
    assert talk.client.step is Step.HANDSHAKE
    assert not talk.client.expect_announced(lambda: None)


@pytest.mark.spec("HS-14", "XT-1")
@pytest.mark.parametrize("announced", ["2", True, None, -1])
def test_an_announcement_without_sense_is_none(talk: Talk, announced: object) -> None:
    message = talk.client.handshake([], {})
    talk.client.expect([message], lambda: None)
    reply = {"id": message["id"], "channel": "/meta/handshake", "successful": True, "x-messages": announced}
    talk.client.receive([reply])
    assert not talk.client.expect_announced(lambda: None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["interval", "id"]), inner, max_size=2),
    max_leaves=3,
)
FIELDS = ["id", "channel", "successful", "clientId", "advice", "data", "ext", "error", "x-messages"]


@pytest.mark.spec("CLI-4", "MSG-4")
@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(["1", "2", "/meta/connect", "/a"]))))
def test_whatever_a_server_sends_the_conversation_goes_on(messages: list[dict[str, Any]]) -> None:
    """A channel that was an array ended the task that reads the socket."""
    talk = Talk().handshake()
    exchange(talk, "/meta/connect")
    talk.client.expect_answer(talk.client.message("/service/a", {}), lambda: None)
    for message in messages:
        for event in talk.client.receive([message]):
            assert event.channel == message["channel"]
