"""How late the event loop turns.

One timer, whose delay is the lag. A loop that stays late is worth a warning: somebody blocks it.

Source: OPS-47, OPS-51.
"""

from __future__ import annotations

import asyncio
import logging

from bayeux.server.counters import Histogram

log = logging.getLogger(__name__)

PERIOD = 0.25
LATE = 0.1
"""A lag that is too much if it lasts for ``LATE_FOR`` seconds."""
LATE_FOR = 5.0
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLag:
    """Measures the running loop from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """The last one measured."""
        self.histogram = Histogram(BOUNDS)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._late_since: float | None = None
        self._is_told = False

    @property
    def now(self) -> float:
        """The last lag, or how long the present turn already takes, whichever is more."""
        if self._timer is None:
            return 0.0
        return max(self.seconds, asyncio.get_running_loop().time() - self._due)

    def start(self) -> None:
        """Measure from here on."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + PERIOD
        self._timer = loop.call_at(self._due, self._turn)

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        self.seconds = max(0.0, now - self._due)
        self.histogram.observe(self.seconds)
        self._judge(now)
        self.start()

    def _judge(self, now: float) -> None:
        """Tell once when it begins to last, and once when it is over."""
        if self.seconds <= LATE:
            if self._is_told:
                log.info("the event loop keeps up again", extra={"lag_ms": round(self.seconds * 1000)})
            self._late_since, self._is_told = None, False
            return
        if self._late_since is None:
            self._late_since = now
        if not self._is_told and now - self._late_since >= LATE_FOR:
            self._is_told = True
            log.warning("the event loop is late", extra={"lag_ms": round(self.seconds * 1000)})
