"""Outcomes as a run finds them, without a run."""

from __future__ import annotations

from typing import Any

from gateway.bench.latencies import Latencies, series, summed
from gateway.bench.outcome import Outcome, ServerCost
from gateway.bench.workload import Workload

MILLISECOND = 1_000_000


def outcome_of(**changes: Any) -> Outcome:
    """Three seconds in which a hundred sessions heard of 120 publishes, half of them within 0.4 ms."""
    latencies = Latencies(0)
    for number in range(12_000):
        # Nine of ten rise to 0.8 ms, the last ones to 2.8 ms.
        late = number % 1000
        latencies.add(0, (late * 800 if late < 900 else 720_000 + (late - 900) * 20_000) or 1000)
    reports = [latencies.as_json()]
    seconds = series(reports)
    return Outcome(
        **{
            "workload": Workload(kind="fanout", sessions=100, rate=40.0, seconds=3.0),
            "target": "http://127.0.0.1:8080/cometd",
            "run": "k3x9",
            "started": "2026-11-21T16:00:00Z",
            "seconds": 3.0,
            "sessions": 101,
            "set_up_seconds": 0.2,
            "set_ups_per_second": 505.0,
            "published": 120,
            "delivered": 12_000,
            "expected": 20_000,
            "arrived": 20_000,
            "lost": 0,
            "double": 0,
            "out_of_order": 0,
            "latency": summed(reports),
            "series": seconds * 3,
            "server": COST,
            "generator_cpu": (0.35,),
            "generator_late_ms": 1.2,
            **changes,
        }
    )


COST = ServerCost(
    user_seconds=0.06,
    system_seconds=0.03,
    processes=1,
    cpu_us_per_delivered=7.5,
    cpu_us_per_set_up=812.0,
    rss_before=60 * 1024 * 1024,
    rss_with_sessions=61 * 1024 * 1024,
    rss_after=60 * 1024 * 1024,
    kib_per_session=10.24,
)
