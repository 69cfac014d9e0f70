"""Which events of each stream one subscriber has heard: what was lost, came twice, or came out of order, exactly.

A stream is what one publisher publishes to one channel, numbered from 0. Nothing here knows a socket or a clock.

Cost: events that come as they were published are one comparison and one addition for each stretch of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Of all subscribers of a generator."""

    arrived: int = 0
    """Events, each counted once for each subscriber."""
    double: int = 0
    out_of_order: int = 0
    """They came after one that was published later."""
    stray: int = 0
    """Events of a stream that the subscriber had not asked for."""


@dataclass(frozen=True, slots=True)
class Published:
    """How much there is to hear of one stream."""

    count: int
    """Numbers given, refused ones included."""
    refused: Collection[int] = field(default_factory=frozenset)
    """What the server did not take."""

    @property
    def taken(self) -> int:
        """What each subscriber must hear."""
        return self.count - len(self.refused)


class Hearing:
    """One subscriber's. At most one number is kept for each event that is missing."""

    __slots__ = ("following", "missing")

    def __init__(self) -> None:
        self.following: dict[int, int] = {}
        """Of each stream, the number after the highest heard."""
        self.missing: dict[int, set[int]] = {}
        """Below that and not heard yet."""

    def hear(self, stream: int, number: int, tally: Tally) -> bool:
        """Take one event; False if it came before."""
        following = self.following.get(stream, 0)
        if number < following:
            missing = self.missing.get(stream)
            if missing is None or number not in missing:
                tally.double += 1
                return False
            missing.discard(number)
            tally.out_of_order += 1
        else:
            if number > following:
                self.missing.setdefault(stream, set()).update(range(following, number))
            self.following[stream] = number + 1
        tally.arrived += 1
        return True

    def lost(self, streams: Mapping[int, Published]) -> int:
        """Events of these streams that were taken by the server and did not arrive."""
        lost = 0
        for stream, published in streams.items():
            following = self.following.get(stream, 0)
            absent = self.missing.get(stream, frozenset()) | set(range(following, published.count))
            lost += len(absent.difference(published.refused))
        return lost
