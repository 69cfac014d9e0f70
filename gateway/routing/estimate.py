"""How long a customer has still to wait.

Source: MRE-100.
"""

from __future__ import annotations

from collections.abc import Sequence

REMEMBERED = 20
"""Assignments of a queue that an estimate rests on."""
FEWEST = 3
"""Fewer tell nothing."""


def remember(assignments: Sequence[float], now: float) -> tuple[float, ...]:
    """The moments of a queue's last assignments, with one more."""
    return (*assignments, now)[-REMEMBERED:]


def estimated_wait(position: int, assignments: Sequence[float]) -> int | None:
    """Whole seconds until the task at that position (1 = next) is given to somebody; None if nobody can tell."""
    if len(assignments) < FEWEST:
        return None
    interval = (assignments[-1] - assignments[0]) / (len(assignments) - 1)
    return round(position * interval)
