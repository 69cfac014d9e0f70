"""A clock that moves only when told."""

from __future__ import annotations


class ManualClock:
    """Call it for the time in seconds; ``advance`` moves it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now
