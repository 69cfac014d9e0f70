"""What a server counts of itself: plain numbers, read by whoever exports them (OPS-50, MON-1)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


class Tally(dict[Key, int]):
    """Counts by key, 0 for what was never counted; an addition costs half of what it does in a ``Counter``."""

    __slots__ = ()

    def __missing__(self, key: Key) -> int:
        return 0


class Histogram:
    """Counts by upper bounds; the last bucket has none.

    Args:
        bounds: rising upper bounds, in the unit of what is observed.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds: tuple[float, ...] = bounds
        self.counts: list[int] = [0] * (len(bounds) + 1)
        self.total: float = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, values: Iterable[float]) -> None:
        """Count these."""
        bounds, counts = self.bounds, self.counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            self.total += value


SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Counters:
    """Keys of the counters are tuples of label values, in the order of the metric's labels."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "connections",
        "delivery_seconds",
        "handshakes",
        "messages_delivered",
        "messages_dropped",
        "messages_received",
        "rejected",
        "request_seconds",
        "session_ends",
    )

    def __init__(self) -> None:
        self.handshakes: Tally[tuple[str, str]] = Tally()
        """(result, transport)"""
        self.session_ends: Tally[str] = Tally()
        """by reason"""
        self.messages_received: Tally[tuple[str, str]] = Tally()
        """(kind, transport); kind is ``meta``, ``service`` or ``broadcast``"""
        self.messages_delivered: Tally[str] = Tally()
        """by transport"""
        self.messages_dropped: Tally[str] = Tally()
        """by reason"""
        self.bytes_received: Tally[str] = Tally()
        """by transport"""
        self.bytes_sent: Tally[str] = Tally()
        """by transport"""
        self.connections: Tally[str] = Tally()
        """open now, by transport"""
        self.rejected: Tally[str] = Tally()
        """by the id of the limit that refused"""
        self.delivery_seconds: Histogram = Histogram(SECONDS)
        """from a publish that was accepted to the write of its batch"""
        self.request_seconds: dict[str, Histogram] = {}
        """by meta channel or ``publish``; a held connect counts until it is held"""

    def observe_request(self, name: str, seconds: float) -> None:
        """One request was processed in so many seconds."""
        try:
            histogram = self.request_seconds[name]
        except KeyError:
            histogram = self.request_seconds[name] = Histogram(SECONDS)
        # As ``observe``, without another call: every message is timed.
        histogram.counts[bisect_left(histogram.bounds, seconds)] += 1
        histogram.total += seconds
