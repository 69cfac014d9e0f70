"""When something of many has to be looked at: one timer for all of them.

Cost model: an item waits in a dictionary of its tick, which takes half the room of a set, so watching
costs an entry and nothing that the garbage collector tracks; moving a deadline to a later time costs nothing at
all, because the look at the old time finds nothing due and answers the new one.

Rules: LP-12, SES-6; architecture: nothing per delivery, one sweep instead of a timer a session.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from typing import Protocol

log: logging.Logger = logging.getLogger(__name__)

TICK = 0.05  # CN-8: a connect may be answered 50 ms late


class Watched(Protocol):
    """What can be watched; compared by identity."""

    next_look: float
    """Set by ``Deadlines`` alone; starts as 0.0, which says unwatched."""

    def look(self, now: float) -> float:
        """Do what is due at ``now``; when to look again, or 0.0 for never."""


class Cancellable(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None:
        """Never call the function."""


class Deadlines:
    """Looks at each watched item once its time has come, at most a tick late.

    Args:
        clock: seconds, monotonic.
        call_at: runs a function at a time of that clock, as ``loop.call_at`` does; without one ``run`` is
            called by hand.
        tick: seconds; deadlines within one are looked at together.
    """

    __slots__ = ("_buckets", "_call_at", "_clock", "_ticks", "_timer", "_timer_tick", "tick")

    def __init__(
        self,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], Cancellable] | None = None,
        tick: float = TICK,
    ) -> None:
        self.tick: float = tick
        self._clock = clock
        self._call_at = call_at
        self._buckets: dict[int, dict[Watched, None]] = {}
        self._ticks: list[int] = []  # a heap of the keys of _buckets
        self._timer: Cancellable | None = None
        self._timer_tick = 0

    def watch(self, item: Watched, when: float) -> None:
        """Look at ``item`` at ``when``, or at the earlier time for which it is watched already."""
        if item.next_look:
            if item.next_look <= when:
                return
            self.forget(item)
        item.next_look = when
        tick = self._tick_of(when)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = {}
            heapq.heappush(self._ticks, tick)
            self._set_timer()
        bucket[item] = None

    def forget(self, item: Watched) -> None:
        """Do not look at ``item`` any more; does nothing if it is not watched."""
        if item.next_look:
            self._buckets[self._tick_of(item.next_look)].pop(item, None)
            item.next_look = 0.0

    def run(self, now: float) -> None:
        """Look at everything whose tick is over at ``now``."""
        while self._ticks and self._ticks[0] * self.tick <= now:
            bucket = self._buckets.pop(heapq.heappop(self._ticks))
            for item in bucket:
                item.next_look = 0.0
            while bucket:
                self._look(bucket.popitem()[0], now)
        self._set_timer()

    def stop(self) -> None:
        """Forget everything and call the timer off."""
        for bucket in self._buckets.values():
            for item in bucket:
                item.next_look = 0.0
        self._buckets.clear()
        self._ticks.clear()
        self._set_timer()

    def _look(self, item: Watched, now: float) -> None:
        try:
            again = item.look(now)
        except Exception:  # one item's fault must not cost all others their deadlines
            log.exception("a look at %s failed", type(item).__name__)
            return
        if again:
            self.watch(item, max(again, now))

    def _tick_of(self, when: float) -> int:
        """The number of the first tick that begins after ``when``."""
        return int(when / self.tick) + 1

    def _set_timer(self) -> None:
        earliest = self._ticks[0] if self._ticks else 0
        if self._call_at is None or (self._timer is not None and self._timer_tick == earliest):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if earliest:
            self._timer_tick = earliest
            self._timer = self._call_at(earliest * self.tick, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.run(self._clock())
