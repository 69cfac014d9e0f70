"""For how long something has been away that the gateway needs: the backplane, the store.

Looked at each second rather than told: whoever asks for health in between gets the truth to a second, and nothing hangs
on anybody asking.

Source: OPS-51, OPS-72.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PERIOD = 1.0


class Reach:
    """Watches from ``start`` to ``stop``.

    Args:
        is_connected: can it be reached, by what is known?
        grace: seconds it may be away; 0 = for ever.
        trouble: why it cannot be reached, for operators; empty where that is not known.
    """

    def __init__(
        self, is_connected: Callable[[], bool], grace: float, *, trouble: Callable[[], str] = lambda: ""
    ) -> None:
        self._is_connected = is_connected
        self._grace = grace
        self._trouble = trouble
        self._away_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._was_there = False

    def start(self) -> None:
        """Look from here on; until it was there once, nothing is excused."""
        self._look()

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self) -> tuple[bool, str]:
        """May the gateway get traffic, as far as this goes? And what is to be said about it."""
        if self._is_connected():
            return True, "connected"
        if not self._was_there:
            return False, self._trouble() or "not reached yet"
        now = asyncio.get_running_loop().time()
        away = now - (now if self._away_since is None else self._away_since)
        why = f": {trouble}" if (trouble := self._trouble()) else ""
        return self._grace == 0 or away < self._grace, f"away for {away:.0f} s{why}"

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_connected():
            self._was_there, self._away_since = True, None
        elif self._away_since is None:
            self._away_since = loop.time()
        self._timer = loop.call_later(PERIOD, self._look)
