"""What is counted of tasks and agents, read off the changes that were stored.

The counts live as long as the process; a next reign goes on with them. What was so before the reign is not counted
again: it is no change.

Source: MRE-151.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from bayeux.server.counters import Histogram
from gateway.routing.communication.records import TaskRecord
from gateway.routing.task_state import Disposition, TaskState

WAITS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Seconds; a step of a queue usually has 30, a queue 300."""


class Figures:
    """Counted since the process began."""

    __slots__ = ("rung_out", "waits")

    def __init__(self) -> None:
        self.waits: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(WAITS))
        """Seconds from a task's last coming into a queue to its offer, by queue."""
        self.rung_out: Counter[str] = Counter()
        """Offers that nobody took in time, by queue."""

    def changed(self, before: TaskRecord, after: TaskRecord) -> None:
        """One task was stored anew."""
        if before.state is TaskState.QUEUED and after.owner is not None:
            self.waits[after.queue].observe(after.since - before.since)
        changes = after.history[len(after.history) - (after.rev - before.rev) :] if after.rev > before.rev else ()
        rung_out = sum(each["code"] == Disposition.RONA for each in changes)
        if rung_out:
            self.rung_out[after.queue] += rung_out
