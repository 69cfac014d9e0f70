"""One session by itself: when a connect is answered, what advice says, when it expires."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.effects import Dismiss, Effect, Hold, Release, Reply
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import ProtocolError, SubscribeDenied
from bayeux.protocol.message import Fields, Message
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER, Arrival, BayeuxSession
from bayeux.protocol.transitions import receive

EVENT = EncodedMessage("/a", b'{"channel":"/a","data":1}')


class Client:
    """A session and the messages a client sends it."""

    def __init__(self, *, transport: str = "long-polling", **options: Any) -> None:
        self.options = Options(**options)
        self.session = BayeuxSession("s1", self.options)
        self.transport = transport
        self.now = 0.0

    def send(self, channel: str, *, alone: bool = True, busy: bool = False, **fields: Any) -> list[Effect]:
        more = {key: fields.pop(key) for key in ("crowded", "leaving") if key in fields}
        message = Message.received({"id": "1", "channel": channel, **fields}, self.options)
        is_streaming = self.transport == "websocket"
        arrival = Arrival(self.now, self.transport, is_streaming, alone, busy, **more)
        return receive(self.session, message, arrival)

    def handshake(self, **fields: Any) -> Fields:
        return reply(self.send("/meta/handshake", **fields))

    def connect(self, **fields: Any) -> list[Effect]:
        return self.send("/meta/connect", **fields)

    def connected(self) -> Client:
        self.handshake()
        self.connect()
        return self


def reply(effects: list[Effect]) -> Fields:
    [fields] = [effect.fields for effect in effects if isinstance(effect, (Reply, Release))]
    return fields


def released(client: Client, now: float) -> Fields:
    fields = client.session.release(now)
    assert fields is not None
    return fields


def is_held(effects: list[Effect]) -> bool:
    return any(isinstance(effect, Hold) for effect in effects)


@pytest.mark.spec("HS-2", "HS-4", "ADV-1", "HS-16", "MSG-15")
def test_handshake_reply_has_exactly_its_fields() -> None:
    assert Client().handshake(advice={"timeout": 60000}) == {
        "id": "1",
        "channel": "/meta/handshake",
        "successful": True,
        "clientId": "s1",
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["websocket", "long-polling"],
        "advice": {"reconnect": "retry", "interval": 0, "timeout": 30000},
    }


@pytest.mark.spec("HS-3", "HS-5")
def test_connection_types_are_ours_in_our_order_and_one_must_be_common() -> None:
    offered = ["callback-polling", "cross-origin-long-polling"]
    types = Client().handshake(supportedConnectionTypes=offered)["supportedConnectionTypes"]
    assert types == ["websocket", "long-polling", "cross-origin-long-polling"]
    with pytest.raises(ProtocolError) as refused:
        Client().handshake(supportedConnectionTypes=["callback-polling", "in-process"])
    assert refused.value.wire == "301:callback-polling,in-process:connection_types_unsupported"
    with pytest.raises(ProtocolError) as refused:
        Client().handshake(supportedConnectionTypes=["x" * 99] * 99)
    assert len(refused.value.wire) < 110


@pytest.mark.spec("HS-6")
@pytest.mark.parametrize(
    ("version", "is_supported"),
    [("1.0", True), ("0.9", True), ("1.0beta", True), ("1", True), ("1.1", False), ("2", False), ("1.0.1", False)],
)
def test_minimum_version_is_compared_element_by_element(version: str, is_supported: bool) -> None:
    if is_supported:
        assert Client().handshake(minimumVersion=version)["successful"]
        return
    with pytest.raises(ProtocolError) as refused:
        Client().handshake(minimumVersion=version)
    assert refused.value.wire == f"300:{version}:version_unsupported"


@pytest.mark.spec("HS-4")
def test_strict_handshake_asks_for_what_cometd_never_looks_at() -> None:
    with pytest.raises(ProtocolError) as refused:
        Client(strict_handshake=True).handshake(supportedConnectionTypes=["websocket"])
    assert refused.value.wire == "402:version:Missing required parameter"


@pytest.mark.spec("CN-1")
def test_first_connect_is_answered_at_once_and_the_second_is_held() -> None:
    client = Client()
    client.handshake()
    assert not is_held(client.connect())
    assert is_held(client.connect())


@pytest.mark.spec("CN-2", "ADV-7")
@pytest.mark.parametrize(("timeout", "until"), [(0, None), (5000, 5.0), (99000, 30.0), (-1, 30.0), (0.5, 0.0005)])
def test_client_may_shorten_the_hold_of_one_connect(timeout: float, until: float | None) -> None:
    client = Client().connected()
    effects = client.connect(advice={"timeout": timeout})
    assert is_held(effects) is (until is not None)
    if until is None:
        client.connect()
    assert client.session.held is not None
    assert client.session.held.until == (30.0 if until is None else until)


@pytest.mark.spec("CN-4")
def test_waiting_events_answer_a_connect_unless_another_answer_will_take_them() -> None:
    client = Client().connected()
    client.session.queue.put(EVENT)
    assert is_held(client.connect(busy=True))
    assert not is_held(client.connect())


@pytest.mark.spec("CN-6")
def test_connect_in_company_is_never_held() -> None:
    assert not is_held(Client().connected().connect(alone=False))


@pytest.mark.spec("WS-10", "WS-12", "DEL-3")
def test_on_a_socket_events_do_not_answer_a_connect_unless_nothing_else_may_carry_them() -> None:
    client = Client(transport="websocket").connected()
    client.session.queue.put(EVENT)
    assert is_held(client.connect())
    client = Client(transport="websocket", meta_connect_delivery_only=True).connected()
    client.session.queue.put(EVENT)
    assert not is_held(client.connect())


@pytest.mark.spec("CN-10", "CN-11")
def test_second_connect_dismisses_the_held_one() -> None:
    client = Client().connected()
    client.connect(id="7")
    first, second = client.connect(id="8")
    assert isinstance(first, Dismiss)
    assert isinstance(second, Hold)
    assert released(client, 1.0)["id"] == "8"


@pytest.mark.spec("ADV-4", "ADV-3", "ADV-6", "CN-20")
def test_advice_comes_when_asked_for_or_changed_and_not_else() -> None:
    client = Client()
    client.handshake()
    assert "advice" not in reply(client.connect())
    assert reply(client.connect(advice={"timeout": 0}))["advice"]["interval"] == 0
    assert "advice" not in reply(client.connect(alone=False))
    assert reply(client.connect(alone=False, advice={"interval": 250}))["advice"]["interval"] == 250
    assert reply(client.connect(alone=False))["advice"]["interval"] == 0, "the one before is taken back"
    client.session.timeout = 7.0
    assert reply(client.connect(alone=False))["advice"]["timeout"] == 7000
    client.transport = "websocket"
    assert "advice" in reply(client.connect(alone=False))
    assert "advice" not in reply(client.connect(alone=False))


@pytest.mark.spec("ADV-2", "ADV-5")
def test_advice_names_the_hold_of_this_session_and_on_request_its_life() -> None:
    client = Client(handshake_reconnect=True)
    assert client.handshake()["advice"]["maxInterval"] == 10000
    client.session.timeout = 5.0
    assert reply(client.connect())["advice"]["timeout"] == 5000


@pytest.mark.spec("COOK-11")
def test_tab_too_many_polls_until_a_slot_is_free() -> None:
    client = Client().connected()
    assert reply(client.connect(crowded=True))["advice"] == {
        "multiple-clients": True,
        "reconnect": "retry",
        "interval": 2000,
        "timeout": 30000,
    }
    assert is_held(client.connect())
    advice = released(client, 1.0)["advice"]
    assert advice == {"reconnect": "retry", "interval": 0, "timeout": 30000}


@pytest.mark.spec("SES-5", "ADV-6", "HS-13")
def test_expiry_clock_runs_whenever_no_connect_is_held() -> None:
    client = Client()
    client.handshake()
    assert client.session.expires_at == 10.0
    client.connect()
    client.now = 4.0
    client.session.touch(client.now)
    assert client.session.expires_at == 14.0, "any message keeps it alive for max_interval"
    client.connect()
    assert client.session.expires_at == NEVER
    client.session.release(30.0)
    assert client.session.expires_at == 40.0
    client.now = 31.0
    client.connect(alone=False, advice={"interval": 5000})
    assert client.session.expires_at == 46.0, "it said that it would stay away"


@pytest.mark.spec("SES-10")
def test_a_sessions_own_max_interval_wins() -> None:
    client = Client().connected()
    client.session.max_interval = 99.0
    client.connect(alone=False)
    assert client.session.expires_at == 99.0


@pytest.mark.spec("ADV-7")
def test_a_client_cannot_keep_its_session_for_years() -> None:
    client = Client().connected()
    client.connect(alone=False, advice={"interval": 10**12})
    assert client.session.expires_at == 3600 + 10


@pytest.mark.spec("SES-8")
def test_a_lost_connection_keeps_the_events_and_starts_the_clock() -> None:
    client = Client().connected()
    client.connect(advice={"interval": 2000})
    client.session.queue.put(EVENT)
    client.session.lose_held_connect(7.0)
    assert len(client.session.queue) == 1
    assert client.session.expires_at == 7.0 + 2.0 + 10.0


@pytest.mark.spec("DSC-11")
def test_a_leaving_server_answers_at_once_and_says_when_to_come_back() -> None:
    client = Client().connected()
    assert reply(client.connect(leaving=2.5))["advice"] == {"reconnect": "retry", "interval": 2500, "timeout": 30000}


@pytest.mark.spec("SUB-6", "SUB-7", "UNS-2", "UNS-3")
def test_subscriptions_are_a_set_of_names_and_patterns() -> None:
    client = Client().connected()
    client.send("/meta/subscribe", subscription=["/a/*", "/a/b", "/service/x", "/a/b/"])
    assert client.session.subscriptions == {"/a/*", "/a/b"}
    client.send("/meta/unsubscribe", subscription=["/a/*", "/never"])
    assert client.session.subscriptions == {"/a/b"}


@pytest.mark.spec("SEC-1", "WSEC-2", "SUB-3")
@pytest.mark.parametrize(("count", "is_taken"), [(2, True), (3, True), (4, False)])
def test_subscriptions_are_bounded_and_refused_as_a_whole(count: int, is_taken: bool) -> None:
    client = Client(max_subscriptions_per_session=3).connected()
    wanted = [f"/c/{n}" for n in range(count)]
    if is_taken:
        client.send("/meta/subscribe", subscription=wanted)
        assert len(client.session.subscriptions) == count
        return
    with pytest.raises(SubscribeDenied) as refused:
        client.send("/meta/subscribe", subscription=wanted)
    assert refused.value.wire == "403:limit:subscribe_denied"
    assert not client.session.subscriptions


@pytest.mark.spec("CN-23", "DSC-2", "DSC-3")
def test_disconnect_answers_the_held_connect_first_and_for_good() -> None:
    client = Client().connected()
    client.connect(id="7")
    released, _end, answered = client.send("/meta/disconnect", id="8")
    assert isinstance(released, Release)
    assert released.fields["advice"] == {"reconnect": "none", "interval": 0, "timeout": 30000}
    assert released.fields["successful"] is True
    assert isinstance(answered, Reply)
    assert answered.fields == {"id": "8", "channel": "/meta/disconnect", "successful": True}
