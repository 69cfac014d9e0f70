"""A clock that moves only when told, for servers and clients that take their clock as an argument."""

from __future__ import annotations


class ManualClock:
    """Call it for the time in seconds; ``advance`` moves it.

    What waits for a time on a server does not notice a bare ``advance``: ``pass_time`` moves the clock and
    has everything done that comes due on the way.

    Args:
        now: seconds at which it stands first.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now: float = now

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move on by ``seconds``; gives the new time. Raises ValueError for a step back: it is monotonic."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not go back")
        self.now += seconds
        return self.now
