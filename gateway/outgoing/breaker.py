"""Leaves alone for a while who does not answer: a dead host must not cost every caller its whole time-out.

Source: SEC-70; the numbers are ours.
"""

from __future__ import annotations

from typing import Final

FAILURES: Final = 5
"""In a row."""
PAUSE: Final = 30.0
"""Seconds; then one call may try."""


class Breaker:
    """Counts the failures of one origin. Times are the caller's clock, in seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0.0

    @property
    def is_open(self) -> bool:
        """Is the origin left alone?"""
        return self._failures >= FAILURES

    def admit(self, now: float) -> bool:
        """Whether to call; each ``PAUSE`` one call may try, whatever becomes of it."""
        if not self.is_open:
            return True
        if now < self._closed_until:
            return False
        self._closed_until = now + PAUSE
        return True

    def worked(self) -> None:
        """There was an answer, whatever it said."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """There was none."""
        self._failures += 1
        if self._failures == FAILURES:
            self._closed_until = now + PAUSE
