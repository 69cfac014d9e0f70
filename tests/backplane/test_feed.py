"""A feed: whatever comes in whatever order, each event is handed over once, in order, and what is lost is told."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.backplane import feed as module
from bayeux.backplane.feed import Feed, JournalStretch


class Numbered(NamedTuple):
    place: int


class Taken:
    """A feed, and what it handed over: places, and 0 for each hole that it told."""

    def __init__(self, place: int | None = 0) -> None:
        self.log: list[int] = []
        self.feed: Feed[Numbered] = Feed(lambda event: self.log.append(event.place), lambda: self.log.append(0))
        if place is not None:
            self.feed.begin(place)

    def take(self, *places: int) -> None:
        for place in places:
            self.feed.take(Numbered(place))

    def fill(self, floor: int, newest: int, *places: int) -> None:
        self.feed.fill(JournalStretch(floor, newest, [Numbered(place) for place in places]))


def test_what_comes_in_order_is_handed_over_at_once_and_what_comes_twice_is_not() -> None:
    taken = Taken()
    taken.take(1, 2, 2, 1, 3)
    assert (taken.log, taken.feed.place, taken.feed.is_behind) == ([1, 2, 3], 3, False)


@pytest.mark.spec("OPS-74")
def test_what_comes_early_waits_for_the_journal() -> None:
    taken = Taken()
    taken.take(1, 4, 5)
    assert (taken.log, taken.feed.is_behind) == ([1], True)
    taken.fill(0, 4, 2, 3, 4)
    assert (taken.log, taken.feed.is_behind) == ([1, 2, 3, 4, 5], False)


def test_what_comes_before_it_begins_waits() -> None:
    taken = Taken(None)
    taken.take(6, 7, 8)
    assert not taken.feed.is_behind
    taken.feed.begin(6)
    assert taken.log == [7, 8]


@pytest.mark.spec("OPS-74")
def test_what_the_journal_has_no_more_is_told_before_what_follows() -> None:
    taken = Taken()
    taken.take(1, 9)
    taken.fill(5, 8, 6, 7, 8)
    assert taken.log == [1, 0, 6, 7, 8, 9]


@pytest.mark.spec("OPS-74")
def test_a_hole_in_the_journal_is_told() -> None:
    taken = Taken()
    taken.fill(0, 9, 1, 2, 8, 9)
    assert taken.log == [1, 2, 0, 8, 9]


@pytest.mark.spec("OPS-74")
def test_a_journal_that_went_back_is_told_and_followed_from_where_it_is() -> None:
    taken = Taken(10)
    taken.take(12)
    taken.fill(3, 7)
    assert (taken.log, taken.feed.place, taken.feed.is_behind) == ([0], 7, False)
    taken.take(8)
    assert taken.log == [0, 8]


def test_while_paused_what_comes_waits_for_the_journal() -> None:
    taken = Taken()
    taken.take(1)
    taken.feed.pause()
    taken.take(1, 2, 3)
    assert taken.log == [1]
    taken.fill(0, 2, 2)
    assert taken.log == [1, 2, 3]
    taken.take(4)
    assert taken.log == [1, 2, 3, 4]


def test_starting_over_tells_a_hole() -> None:
    taken = Taken(10)
    taken.take(12)
    taken.feed.start_over(100)
    taken.take(101)
    assert taken.log == [0, 101]


@pytest.mark.spec("OPS-75")
def test_too_many_early_ones_are_let_go_of_for_the_journal_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 3)
    taken = Taken()
    taken.take(3, 4, 5, 6)
    assert taken.feed.is_behind
    taken.fill(0, 6, 1, 2, 3, 4, 5, 6)
    assert (taken.log, taken.feed.is_behind) == ([1, 2, 3, 4, 5, 6], False)


@given(st.lists(st.sampled_from(["published", "lost", "late", "twice", "read"]), max_size=60), st.integers(1, 8))
def test_nothing_is_skipped_silently_or_handed_over_twice(steps: list[str], kept: int) -> None:
    """Any schedule of live events that come, are lost, late or twice, and of reads of a short journal."""
    taken, journal, late = Taken(), deque[int](maxlen=kept), deque[int]()
    newest = 0

    def read() -> None:
        floor = journal[0] - 1 if journal else newest
        taken.fill(floor, newest, *(place for place in journal if place > taken.feed.place))

    for step in steps:
        if step == "read":
            read()
            continue
        if step == "late" and late:
            taken.take(late.popleft())
            continue
        newest += 1
        journal.append(newest)
        if step == "late":
            late.append(newest)
        elif step != "lost":
            taken.take(*[newest] * (2 if step == "twice" else 1))
    read()
    events = [place for place in taken.log if place]
    assert events == sorted(set(events))
    assert taken.feed.place == newest
    for before, after in pairwise([0, *taken.log]):
        assert after == before + 1 or 0 in (before, after)
    assert 0 in taken.log or events == list(range(1, newest + 1))
