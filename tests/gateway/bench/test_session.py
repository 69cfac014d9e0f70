"""The client that a generator is made of: its requests, and what it makes of answers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.bench.session import MAX_ATTEMPTS, State
from tests.gateway.bench.scripted import Talk, event


def test_first_connect_and_subscriptions_go_together() -> None:
    """One round trip after the handshake, as libraries batch them; the connect is not to be held."""
    talk = Talk("/a", "/b")
    talk.shake_hands()
    handshake, (connect, subscribe) = talk.world.sent
    assert handshake[0]["supportedConnectionTypes"] == ["websocket"]
    assert "ext" not in handshake[0]
    assert (connect["channel"], connect["advice"]) == ("/meta/connect", {"timeout": 0})
    assert (subscribe["subscription"], subscribe["clientId"]) == (["/a", "/b"], "me")
    assert talk.world.connects == []


def test_is_ready_when_all_of_them_are_answered_and_holds_a_connect() -> None:
    """The order of the answers does not matter."""
    talk = Talk().shake_hands()
    talk.say({"channel": "/meta/subscribe", "successful": True})
    assert talk.world.told == []
    talk.say({"channel": "/meta/connect", "successful": True})
    assert talk.world.told == [("ready",)]
    assert [each["channel"] for each in talk.world.connects] == ["/meta/connect"]
    assert "advice" not in talk.world.connects[0]


def test_many_subscriptions_are_spread_over_messages() -> None:
    """Servers bound the size of one."""
    talk = Talk(*(f"/{i}" for i in range(250))).shake_hands()
    assert [len(each["subscription"]) for each in talk.world.sent[1][1:]] == [100, 100, 50]


def test_without_channels_nothing_is_subscribed() -> None:
    """A publisher of a fan-out only publishes."""
    talk = Talk()
    talk.session.channels = ()
    talk.shake_hands()
    talk.say({"channel": "/meta/connect", "successful": True})
    assert talk.world.told == [("ready",)]


def test_connects_again_as_soon_as_it_is_answered() -> None:
    talk = Talk().join()
    talk.say({"channel": "/meta/connect", "successful": True})
    assert len(talk.world.connects) == 2


def test_pauses_for_the_advised_interval() -> None:
    """The server may say how often it wants to be asked."""
    talk = Talk().join(advice={"interval": 1500, "reconnect": "retry"})
    assert talk.world.connects == []
    assert ("wake later", 1.5) in talk.world.told
    talk.session.wake()
    assert len(talk.world.connects) == 1


def test_acknowledges_what_the_last_connect_brought() -> None:
    """With the acknowledge extension each connect tells the last batch."""
    talk = Talk(ack=True)
    talk.shake_hands(ext={"ack": True})
    assert talk.world.sent[0][0]["ext"] == {"ack": True}
    talk.say(
        {"channel": "/meta/connect", "successful": True, "ext": {"ack": 0}},
        {"channel": "/meta/subscribe", "successful": True},
    )
    assert talk.world.connects[-1]["ext"] == {"ack": 0}
    talk.say(event(0, 0), {"channel": "/meta/connect", "successful": True, "ext": {"ack": 7}})
    assert talk.world.connects[-1]["ext"] == {"ack": 7}


def test_a_log_in_is_part_of_the_handshake() -> None:
    """And leaves room for the acknowledge extension."""
    talk = Talk(ack=True, log_in=({"ext": {"token": "t"}},))
    talk.session.open()
    assert talk.world.sent[0][0]["ext"] == {"token": "t", "ack": True}


def test_events_are_passed_on_before_replies_are_looked_at() -> None:
    talk = Talk().join()
    talk.say(event(3, 5, 9), {"channel": "/meta/connect", "successful": True})
    assert talk.world.heard[0].marks == [(3, 5, 9)]
    assert len(talk.world.connects) == 2


@pytest.mark.parametrize(("successful", "refusal"), [(True, None), (False, "publish refused: 429::slow down")])
def test_answers_of_publishes_are_told(successful: bool, refusal: str | None) -> None:
    talk = Talk().join()
    talk.say({"channel": "/a", "id": "3.5", "successful": successful, "error": "429::slow down"})
    assert talk.world.told[-1] == ("answered", "3.5", refusal)


@pytest.mark.parametrize(
    ("channel", "words"),
    [("/meta/handshake", "handshake refused: 403::no"), ("/meta/subscribe", "subscribe refused: 403::no")],
)
@pytest.mark.parametrize("advice", [{"reconnect": "none"}, {"reconnect": "handshake", "interval": 9000}])
def test_a_refused_set_up_ends_it_with_the_words(channel: str, words: str, advice: dict[str, Any]) -> None:
    """Whatever is advised: who tests wants to know what to raise, not to come later."""
    talk = Talk()
    if channel == "/meta/subscribe":
        talk.shake_hands()
    else:
        talk.session.open()
    talk.say({"channel": channel, "successful": False, "error": "403::no", "advice": advice})
    assert talk.world.told == [("ended", words)]
    assert talk.session.state is State.ENDED
    assert talk.world.closed == 1


def test_an_unknown_session_begins_anew() -> None:
    """402 with the advice to handshake: a new session with the same subscriptions."""
    talk = Talk().join()
    talk.say({"channel": "/meta/connect", "successful": False, "error": "402::", "advice": {"reconnect": "handshake"}})
    assert talk.world.told[-2] == ("troubled", "connect refused: 402::")
    talk.session.wake()
    assert talk.world.sent[-1][0]["channel"] == "/meta/handshake"
    assert talk.world.closed == 1


def test_advice_to_stay_away_is_heeded() -> None:
    talk = Talk().join()
    talk.say({"channel": "/meta/connect", "successful": False, "error": "bye", "advice": {"reconnect": "none"}})
    assert talk.world.told[-1] == ("ended", "connect refused: bye")


def test_a_lost_connection_is_made_again_with_the_same_session() -> None:
    talk = Talk().join()
    talk.session.lost("connection reset by peer")
    assert talk.world.told[-2:] == [("troubled", "connection reset by peer"), ("wake later", 0.2)]
    talk.session.wake()
    assert [each["clientId"] for each in talk.world.connects] == ["me", "me"]


def test_it_gives_up_after_some_attempts() -> None:
    """Each one later than the last."""
    talk = Talk()
    talk.session.open()
    for _ in range(MAX_ATTEMPTS):
        talk.session.lost("connection refused")
        talk.session.wake()
    pauses = [seconds for kind, seconds in talk.world.told if kind == "wake later"]
    assert pauses == [0.2, 0.4, 0.8, 1.6]
    talk.session.lost("connection refused")
    assert talk.world.told[-1] == ("ended", "connection refused")


def test_a_lost_publish_does_not_disturb_the_held_connect() -> None:
    """Over long-polling they have connections of their own."""
    talk = Talk().join()
    talk.session.lost_request("connection reset by peer")
    assert talk.world.told[-1] == ("troubled", "connection reset by peer")
    talk.session.wake()
    assert len(talk.world.connects) == 1


def test_leaves_with_a_disconnect() -> None:
    talk = Talk().join()
    talk.session.leave()
    assert talk.world.sent[-1][0]["channel"] == "/meta/disconnect"
    talk.say({"channel": "/meta/connect", "successful": True}, {"channel": "/meta/disconnect", "successful": True})
    assert talk.world.told[-1] == ("ended", None)
    assert len(talk.world.connects) == 1


def test_what_comes_after_the_end_is_ignored() -> None:
    talk = Talk().join()
    talk.session.leave()
    talk.say({"channel": "/meta/disconnect", "successful": True}, {"channel": "/meta/connect", "successful": True})
    talk.session.wake()
    assert talk.world.told.count(("ended", None)) == 1


def test_leaves_as_soon_as_there_is_a_session() -> None:
    """A run is broken off while sessions are being set up: none may stay behind."""
    talk = Talk()
    talk.session.open()
    talk.session.leave()
    talk.say({"channel": "/meta/handshake", "successful": True, "clientId": "me"})
    assert talk.world.sent[-1] == [{"channel": "/meta/disconnect", "clientId": "me", "id": "disconnect"}]
    talk.say({"channel": "/meta/disconnect", "successful": True})
    assert talk.world.told == [("ended", None)]


def test_leaves_while_its_subscriptions_are_on_their_way() -> None:
    talk = Talk().shake_hands()
    talk.session.leave()
    talk.say(
        {"channel": "/meta/connect", "successful": True},
        {"channel": "/meta/subscribe", "successful": True},
        {"channel": "/meta/disconnect", "successful": True},
    )
    assert talk.world.connects == []
    assert talk.world.told == [("ended", None)]


def test_what_never_began_or_waits_for_its_next_attempt_just_ends() -> None:
    new, paused = Talk(), Talk()
    new.session.leave()
    paused.session.open()
    paused.session.lost("connection refused")
    paused.session.leave()
    assert [talk.world.told[-1] for talk in (new, paused)] == [("ended", None)] * 2
