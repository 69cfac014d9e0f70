"""One timer for everything that has to be looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from bayeux.server.deadlines import Deadlines


class Item:
    def __init__(self, *again: float) -> None:
        self.next_look = 0.0
        self.looks: list[float] = []
        self.again = list(again)

    def look(self, now: float) -> float:
        self.looks.append(now)
        return self.again.pop(0) if self.again else 0.0


def by_hand() -> Deadlines:
    return Deadlines(lambda: 0.0, tick=1.0)


def test_item_is_looked_at_once_its_time_has_come_and_at_most_a_tick_later() -> None:
    deadlines, item = by_hand(), Item()
    deadlines.watch(item, 10.5)
    deadlines.run(10.4)
    deadlines.run(10.9)
    assert item.looks == []
    deadlines.run(11.0)
    deadlines.run(99.0)
    assert item.looks == [11.0]
    assert item.next_look == 0.0


def test_item_is_looked_at_again_when_it_says_so() -> None:
    deadlines, item = by_hand(), Item(20.0, 30.0)
    deadlines.watch(item, 10.0)
    for now in range(50):
        deadlines.run(float(now))
    assert item.looks == [11.0, 21.0, 31.0]


def test_later_time_keeps_the_earlier_look() -> None:
    deadlines, item = by_hand(), Item(20.0)
    deadlines.watch(item, 10.0)
    deadlines.watch(item, 20.0)
    deadlines.run(15.0)
    deadlines.run(25.0)
    assert item.looks == [15.0, 25.0]


def test_earlier_time_moves_the_look() -> None:
    deadlines, item = by_hand(), Item()
    deadlines.watch(item, 20.0)
    deadlines.watch(item, 10.0)
    deadlines.run(12.0)
    deadlines.run(25.0)
    assert item.looks == [12.0]


def test_forgotten_item_is_not_looked_at() -> None:
    deadlines, item = by_hand(), Item()
    deadlines.watch(item, 10.0)
    deadlines.forget(item)
    deadlines.forget(item)
    deadlines.run(99.0)
    assert item.looks == []
    deadlines.watch(item, 100.0)
    deadlines.stop()
    deadlines.run(200.0)
    assert (item.looks, item.next_look) == ([], 0.0)


def test_item_due_again_at_once_waits_for_the_next_tick() -> None:
    deadlines, item = by_hand(), Item(5.0, 5.0)
    deadlines.watch(item, 5.0)
    deadlines.run(10.0)
    assert item.looks == [10.0]
    deadlines.run(11.0)
    assert item.looks == [10.0, 11.0]


def test_look_that_raises_costs_nobody_else_its_look(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Item):
        def look(self, now: float) -> float:
            raise RuntimeError("broken")

    deadlines, item = by_hand(), Item()
    for each in (Faulty(), item, Faulty()):
        deadlines.watch(each, 1.0)
    with caplog.at_level(logging.CRITICAL, "bayeux"):
        deadlines.run(5.0)
    assert item.looks == [5.0]


test_look_that_raises_costs_nobody_else_its_look = pytest.mark.expected_logs("a look at Faulty failed")(
    test_look_that_raises_costs_nobody_else_its_look
)


def test_many_items_have_one_timer() -> None:
    timers: list[tuple[float, Callable[[], None]]] = []
    cancelled = 0

    class Timer:
        def cancel(self) -> None:
            nonlocal cancelled
            cancelled += 1

    def call_at(when: float, function: Callable[[], None]) -> Timer:
        timers.append((when, function))
        return Timer()

    now = 0.0
    deadlines = Deadlines(lambda: now, call_at, tick=1.0)
    items = [Item() for _ in range(1000)]
    for n, item in enumerate(items):
        deadlines.watch(item, 50.0 + n % 10)
    assert len(timers) - cancelled == 1
    while any(not item.looks for item in items):
        now, function = timers[-1]
        function()
    assert len(timers) <= 11


async def test_items_are_looked_at_on_a_running_loop() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    class Last(Item):
        def look(self, now: float) -> float:
            done.set()
            return super().look(now)

    deadlines, first, last = Deadlines(loop.time, loop.call_at, tick=0.01), Item(), Last()
    start = loop.time()
    deadlines.watch(last, start + 0.05)
    deadlines.watch(first, start + 0.02)
    await asyncio.wait_for(done.wait(), 5)
    assert 0.02 <= first.looks[0] - start <= last.looks[0] - start
    assert last.looks[0] - start >= 0.05
