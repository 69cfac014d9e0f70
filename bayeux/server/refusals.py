"""What was refused for its limit: counted each time, logged at most once a second for each limit.

Rules: SEC-3, OPS-50.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bayeux.server.counters import Tally

log: logging.Logger = logging.getLogger(__name__)

PAUSE = 1.0


class Refusals:
    """Counts by the id of the limit.

    Args:
        counts: where to count.
        clock: seconds, monotonic.
    """

    __slots__ = ("_clock", "_counts", "_logged_at", "_suppressed")

    def __init__(self, counts: Tally[str], clock: Callable[[], float]) -> None:
        self._counts = counts
        self._clock = clock
        self._logged_at: dict[str, float] = {}
        self._suppressed: Tally[str] = Tally()

    def add(self, limit: str) -> None:
        """One refusal; ``limit`` is an id such as ``SEC-L7``, one of a few constants."""
        self._counts[limit] += 1
        now = self._clock()
        if now - self._logged_at.get(limit, -PAUSE) < PAUSE:
            self._suppressed[limit] += 1
            return
        self._logged_at[limit] = now
        suppressed = self._suppressed.pop(limit, 0)
        log.info("refused for a limit", extra={"event": "refused", "limit": limit, "suppressed": suppressed})
