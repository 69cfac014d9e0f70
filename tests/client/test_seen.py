"""What a subscription was given: each event of a history once, whatever the server sends again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.client import seen as module
from bayeux.client.event import Position
from bayeux.client.seen import Seen


def admitted(seen: Seen, *ids: int, channel: str = "/n", epoch: str | None = "k") -> list[int]:
    return [id for id in ids if seen.admit(channel, Position(id, epoch))]


@pytest.mark.spec("CLI-3", "ACK-31")
def test_what_is_sent_again_is_given_once() -> None:
    seen = Seen()
    assert admitted(seen, 3, 5, 5, 3, 8) == [3, 5, 8]
    assert seen.newest("/n") == {"/n": Position(8, "k")}


@pytest.mark.spec("DEL-4", "RPL-2")
def test_a_response_that_was_overtaken_brings_news() -> None:
    assert admitted(Seen(), 21, 22, 18, 20, 21) == [21, 22, 18, 20]


@pytest.mark.spec("RPL-2")
def test_channels_count_by_themselves() -> None:
    seen = Seen()
    assert admitted(seen, 1, 2, channel="/n/a") == [1, 2]
    assert admitted(seen, 1, channel="/n/b") == [1]
    assert seen.newest("/n/*") == {"/n/a": Position(2, "k"), "/n/b": Position(1, "k")}
    assert seen.newest("/other/*") == {}


@pytest.mark.spec("RPL-2")
def test_with_another_epoch_the_ids_start_over() -> None:
    seen = Seen()
    admitted(seen, 100, 101)
    assert admitted(seen, 1, 2, 2, epoch="l") == [1, 2]
    assert seen.newest("/n") == {"/n": Position(2, "l")}


@pytest.mark.spec("RPL-21")
def test_what_another_subscription_has_replayed_is_not_given() -> None:
    seen = Seen()
    assert admitted(seen, 7, 9) == [7, 9]
    seen.settle("/n")
    assert admitted(seen, 1, 7, 9, 10) == [10]
    seen.settle("/**")
    assert admitted(seen, 5, 11) == [11]


@pytest.mark.spec("RPL-21", "DEL-4")
def test_what_was_overtaken_is_news_also_while_another_subscription_replays() -> None:
    """The event between two that had come was taken for a part of the other one's replay, and never given."""
    seen = Seen()
    assert admitted(seen, 9, 7) == [9, 7]
    seen.settle("/n")
    assert admitted(seen, 6, 8) == [8]


@pytest.mark.spec("RPL-14")
def test_a_beginning_counts_until_the_first_event() -> None:
    seen = Seen()
    seen.begin_after("/n", Position(20, "k"))
    assert seen.newest("/n") == {"/n": Position(20, "k")}
    assert admitted(seen, 19, 20, 21) == [21]
    seen.begin_after("/n", Position(30, "k"))
    assert admitted(seen, 22) == [22]


@pytest.mark.spec("RPL-20")
def test_what_is_forgotten_may_come_again() -> None:
    """After a gap a history may have begun anew, and Salesforce tells no epoch."""
    seen = Seen()
    admitted(seen, 100, epoch=None)
    seen.forget("/n")
    assert admitted(seen, 1, 100, epoch=None) == [1, 100]


def test_memory_is_bounded_and_the_oldest_ids_become_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IDS", 3)
    seen = Seen()
    assert admitted(seen, 1, 3, 5, 7, 9) == [1, 3, 5, 7, 9]
    assert admitted(seen, 2, 4, 1, 3, 9) == [4]
    monkeypatch.setattr(module, "MAX_CHANNELS", 2)
    for name in ("/a", "/b", "/c"):
        admitted(seen, 1, channel=name)
    assert seen.newest("/*").keys() == {"/b", "/c"}


@pytest.mark.spec("CLI-3")
@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.integers(1, 30))))
def test_nothing_comes_twice_and_nothing_is_lost(sent: list[tuple[str, int]]) -> None:
    seen = Seen()
    given = [(channel, id) for channel, id in sent if seen.admit(channel, Position(id, "k"))]
    assert given == list(dict.fromkeys(sent))
