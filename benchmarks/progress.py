"""What the person who waits is told, on the error output: what runs, and how long it will still take."""

from __future__ import annotations

import time
from typing import TextIO

_MINUTE = 60


class Progress:
    """Of a whole sitting.

    Args:
        expected: seconds that all runs together should take.
    """

    def __init__(self, out: TextIO, runs: int, expected: float) -> None:
        self._out = out
        self._runs = runs
        self._run = 0
        self._expected = expected
        self._done = 0.0
        self._began = time.monotonic()

    def begin(self, what: str) -> None:
        """A run begins."""
        self._run += 1
        self.say(f"[{self._run}/{self._runs}] {what} · {_left(self._remaining())} left")

    def passed(self, expected: float) -> None:
        """Something ended that should have taken so many seconds."""
        self._done += expected

    def say(self, text: str) -> None:
        """A line."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def _remaining(self) -> float:
        """By how far the estimate was off so far."""
        pace = (time.monotonic() - self._began) / self._done if self._done else 1.0
        return (self._expected - self._done) * pace


def _left(seconds: float) -> str:
    return f"{seconds / _MINUTE:.0f} min" if seconds > 1.5 * _MINUTE else f"{max(0.0, seconds):.0f} s"
