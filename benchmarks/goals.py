"""How many times cheaper than each peer this server has to be, and what a measured ratio makes of it.

A ratio is how many times better ours is than the peer of the same run, whichever way the figure points.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.catalogue import Figure


class Mark(StrEnum):
    """What became of a goal."""

    AIM = "aim reached"
    MUST = "reached"
    MISSED = "**missed**"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """At least ``must`` times better than a peer, and ``aim`` times if it can be."""

    must: float
    aim: float

    def mark(self, ratio: float | None) -> Mark:
        """The verdict."""
        if ratio is None:
            return Mark.UNKNOWN
        if ratio < self.must:
            return Mark.MISSED
        return Mark.AIM if ratio >= self.aim else Mark.MUST


GOALS: dict[str, dict[str, Goal]] = {
    "fan-out-window-10": {"cometd": Goal(4, 8), "faye": Goal(8, 12)},
    "fan-out-window-1": {"cometd": Goal(1.6, 2.2), "faye": Goal(1.8, 2.4)},
    "point-to-point": {"cometd": Goal(2, 3), "faye": Goal(2, 3)},
    "polling-fan-out": {"cometd": Goal(3, 5), "faye": Goal(5, 8)},
    "set-up-websocket": {"cometd": Goal(2, 3), "faye": Goal(4, 5)},
    "set-up-polling": {"cometd": Goal(2, 3), "faye": Goal(4, 5)},
    "memory-websocket": {"cometd": Goal(7, 12), "faye": Goal(4, 7)},
    "memory-polling": {"cometd": Goal(7, 12), "faye": Goal(4, 7)},
    "latency-fan-out": {"cometd": Goal(2, 4), "faye": Goal(1.7, 2)},
    "latency-point-to-point": {"cometd": Goal(2, 4), "faye": Goal(1.7, 2)},
}
"""By benchmark, then by peer."""

ABOVE_FLOOR = 1.4
"""One event at a time costs us at most so many times what the kernel alone takes for it."""

GROWTH = 1.5
"""From the first to the last step of these families a delivery becomes at most so many times dearer."""

GROWTH_FAMILIES = ("subscribers", "channels")


def ratio(ours: float | None, theirs: float | None, figure: Figure) -> float | None:
    """How many times better ours is; None unless both were measured."""
    if not ours or not theirs:
        return None
    return ours / theirs if figure.more_is_better else theirs / ours
