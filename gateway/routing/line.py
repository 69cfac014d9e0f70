"""Names in an order: the tasks of a queue, or the agents who may be offered one.

Cost: a binary search, and a move of memory that thousands of entries do not make noticeable.

Source: MRE-93, MRE-95, MRE-100.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Place: TypeAlias = tuple[Any, ...]
"""What an order is made by; its last value is the name, so that no two are equal."""


class Line:
    """Places from first to last."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places)

    def add(self, place: Place) -> None:
        """Let one stand in it."""
        insort(self._places, place)

    def discard(self, place: Place) -> None:
        """Let one leave it; nothing, if it is not there."""
        at = bisect_left(self._places, place)
        if at < len(self._places) and self._places[at] == place:
            del self._places[at]

    def before(self, place: Place) -> int:
        """How many stand before that place."""
        return bisect_left(self._places, place)


def overlaid(line: Line, changed: Mapping[str, Any], place_of: Callable[[Any], Place | None]) -> Iterator[Place]:
    """The line as it will be when these entries are as they have changed.

    Args:
        changed: by name; who is in it stands where ``place_of`` says, or not at all.
    """
    kept = (place for place in line if place[-1] not in changed) if changed else iter(line)
    moved = sorted(place for entry in changed.values() if (place := place_of(entry)) is not None)
    return heapq.merge(kept, moved) if moved else kept
