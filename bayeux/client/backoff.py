"""How long to wait after a failure: 0, 1, 2, 3 … 60 seconds, each a little less at random (CLI-2).

Source: NEG-6; the random part keeps the clients of a restarted server apart.
"""

from __future__ import annotations

from collections.abc import Callable

STEP = 1.0
LONGEST = 60.0
JITTER = 0.25
"""The largest part of a pause that chance may take away."""


class Backoff:
    """Counts failures and says what pause follows.

    Args:
        random: a number from 0 up to 1, as ``random.random`` gives it.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._failures = 0

    def fail(self) -> float:
        """Count one more failure; the seconds to wait before the next try."""
        pause = min(self._failures * STEP, LONGEST)
        self._failures += 1
        return pause * (1 - JITTER * self._random())

    def succeed(self) -> None:
        """Begin again with 0."""
        self._failures = 0
