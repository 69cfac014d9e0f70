"""What the client's ``Acknowledge`` makes of events that a broken WebSocket brings twice (ACK-31)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.client import Acknowledge
from bayeux.client.extensions import ack
from bayeux.protocol.hooks import STOP

spec = pytest.mark.spec


class Reader:
    """A client that agreed with its server; connects, hears, and remembers what it was given."""

    def __init__(self, **handshake: Any) -> None:
        self.ack = Acknowledge()
        self.ack.outgoing({"id": "1", "channel": "/meta/handshake"})
        self.hear({"channel": "/meta/handshake", "successful": True, "ext": {"ack": True}, **handshake})
        self.given: list[Any] = []

    def connect(self) -> int:
        """The number it says."""
        message: dict[str, Any] = {"id": "2", "channel": "/meta/connect"}
        self.ack.outgoing(message)
        number: int = message["ext"]["ack"]
        return number

    def hear(self, message: dict[str, Any]) -> None:
        if self.ack.incoming(message) is not STOP and "data" in message:
            self.given.append(message["data"])

    def events(self, *values: Any) -> None:
        for value in values:
            self.hear({"channel": "/n", "data": value})

    def reply(self, number: int) -> None:
        self.hear({"id": "2", "channel": "/meta/connect", "successful": True, "ext": {"ack": number}})


@spec("ACK-31")
def test_what_came_before_the_break_is_given_once() -> None:
    reader = Reader()
    reader.connect()
    reader.events("a", "b")
    assert reader.connect() == 0
    reader.events("a", "b", "c")
    reader.reply(2)
    assert reader.given == ["a", "b", "c"]
    assert reader.connect() == 2


@spec("ACK-31")
def test_it_may_break_many_times() -> None:
    reader = Reader()
    for batch in ("abc", "a", "", "abcd", "ab", "abcde"):
        reader.connect()
        reader.events(*batch)
    reader.reply(7)
    assert reader.given == list("abcde")


@spec("ACK-31")
def test_events_that_say_the_same_are_different_events() -> None:
    """Only at the same place of the same batch are they taken for one."""
    reader = Reader()
    reader.connect()
    reader.events("tick", "tick")
    reader.connect()
    reader.events("tick", "tick", "tick")
    reader.reply(2)
    reader.connect()
    reader.events("tick")
    assert reader.given == ["tick"] * 4


@spec("ACK-31", "ACK-18")
@pytest.mark.parametrize("resent", ["bcd", "acd", "xabcd"])
def test_behind_a_difference_everything_is_news(resent: str) -> None:
    """The server may drop what it has not sent with success; rather twice than never."""
    reader = Reader()
    reader.connect()
    reader.events("a", "b", "c")
    reader.connect()
    reader.events(*resent)
    first = "a" if resent == "acd" else ""
    assert reader.given == [*"abc", *resent.removeprefix(first)]
    reader.connect()
    reader.events(*resent, "e")
    assert reader.given == [*"abc", *resent.removeprefix(first), "e"]


@spec("ACK-1")
def test_without_consent_nothing_is_dropped() -> None:
    reader = Reader(ext={})
    for _ in range(2):
        reader.ack.outgoing({"id": "2", "channel": "/meta/connect"})
        reader.events("a")
    assert reader.given == ["a", "a"]


@spec("ACK-20", "ACK-31")
def test_a_new_session_repeats_nothing() -> None:
    reader = Reader()
    reader.connect()
    reader.events("a")
    reader.ack.outgoing({"id": "3", "channel": "/meta/handshake"})
    reader.hear({"channel": "/meta/handshake", "successful": True, "ext": {"ack": True}})
    reader.connect()
    reader.events("a")
    assert reader.given == ["a", "a"]


@spec("HS-14", "ACK-2", "ACK-31")
def test_a_handshakes_number_counts_once_its_events_have_come() -> None:
    """A socket may break between the reply and its events: they must not be acknowledged then."""
    agreed = {"x-messages": 2, "ext": {"ack": {"enabled": True, "batch": 1}}}
    whole = Reader(**agreed)
    whole.events("a", "b")
    assert (whole.connect(), whole.given) == (1, ["a", "b"])
    broken = Reader(**agreed)
    broken.events("a")
    assert broken.connect() == 0
    broken.events("a", "b", "c")
    assert broken.connect() == 0
    broken.events("a", "b", "c")
    broken.reply(3)
    assert (broken.connect(), broken.given) == (3, ["a", "b", "c"])


@spec("ACK-31")
def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch that is too long the end may come twice."""
    monkeypatch.setattr(ack, "MAX_REMEMBERED", 3)
    reader = Reader()
    for _ in range(2):
        reader.connect()
        reader.events(1, 2, 3, 4, 5)
    assert reader.given == [1, 2, 3, 4, 5, 4, 5]
    assert len(reader.ack._arrived) == 3


@spec("ACK-31")
@settings(max_examples=200)
@given(
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    read=st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=30, max_size=30),
)
def test_any_breaks_give_every_event_once_and_in_order(sizes: list[int], read: list[int | None]) -> None:
    """The server as the rules have it: each connect is answered with all that is unacknowledged, and what is new."""
    reader, kept, number, published = Reader(), [], 1, 0
    for size, count in zip([*sizes, 0], [*read[: len(sizes)], None], strict=True):
        acknowledged = reader.connect()
        kept = [(batch, value) for batch, value in kept if batch > acknowledged]
        kept += [(number, published + n) for n in range(size)]
        published += size
        values = [value for _, value in kept]
        if count is None or count > len(values):
            reader.events(*values)
            reader.reply(number)
        else:
            reader.events(*values[:count])
        number += 1
    assert reader.given == list(range(published))
