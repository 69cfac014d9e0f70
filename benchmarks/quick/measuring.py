"""One workload's counts: the rounds that are played for them, and in what order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from copy import copy

from bayeux.server.server import BayeuxServer
from benchmarks.quick.counting import Calls, Kept, Steps, uncollected
from benchmarks.quick.counts import DIGITS, Counts
from benchmarks.quick.stand import plain_server, standing
from benchmarks.quick.workloads import Workload

WARM_UP = 4
"""Rounds after which every cache, table and free list is as large as it becomes."""


def measure(workload: Workload, make_server: Callable[[], BayeuxServer] = plain_server) -> Counts:
    """Play it and count; each count is a unit's share."""
    steps, calls, kept = Steps(), Calls(), Kept()
    # From the start: of memory taken before it began, tracemalloc does not see that it is given back.
    tracemalloc.start()
    try:
        with uncollected(), standing(make_server) as stand:
            workload.prepare(stand)
            for _ in range(WARM_UP):
                workload.play(stand)
            before, received = copy(stand.loop.made), stand.received_bytes
            units = stand.watched_by(kept, workload.play)
            after, received = copy(stand.loop.made), stand.received_bytes - received
            tracemalloc.stop()  # it makes the rest several times slower
            stand.watched_by(steps, workload.play)
            stand.watched_by(calls, workload.play)
    finally:
        tracemalloc.stop()
    totals = {
        "bytes written": received,
        "writes": calls.writes,
        "tasks": after.tasks - before.tasks,
        "futures": after.futures - before.futures,
        "timers": after.timers - before.timers,
        "instructions": steps.instructions,
        "calls": steps.calls,
        "calls of C": calls.of_c,
        "objects made": steps.made,
        "objects at once": calls.at_once,
        "objects kept": kept.objects,
        "bytes kept": kept.bytes,
    }
    return {name: round(total / units, DIGITS) for name, total in totals.items()}
