"""Results as a sitting would have made them, from the few figures that a test is about."""

from __future__ import annotations

from typing import Any

from benchmarks.measurement import Measurement, Results

SITTING = "2026-01-02 03:04 UTC"


def runs(benchmark: str, peer: str, *values: float | None, **more: Any) -> tuple[Measurement, ...]:
    """A round for each value; None: it failed."""
    return tuple(
        Measurement(**{"benchmark": benchmark, "peer": peer, "sitting": SITTING, **more}, round=number, value=value)
        for number, value in enumerate(values, 1)
    )


def results_of(*measured: tuple[Measurement, ...], **more: Any) -> Results:
    """Of one sitting."""
    about = {
        "machine": {"Processor": "Abacus"},
        "versions": {"CometD": "8"},
        "rounds": 3,
        **more,
    }
    return Results(measurements=tuple(run for each in measured for run in each), **about)
