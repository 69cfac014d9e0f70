"""What a load test found, as a value that goes to JSON and comes back.

Source: the figures of ``bayeux-gateway bench``; see docs/howto/load-testing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bayeux.protocol import json
from gateway.bench.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From the intended time of a publish to the arrival of each event; milliseconds."""

    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    mean: float
    count: int
    histogram: str
    """HdrHistogram V2, compressed, base64; its values are microseconds, three digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """One second of the measured phase."""

    second: int
    """From its beginning, 0 the first."""
    delivered: int
    p50: float
    """Milliseconds, two digits; 0 if nothing was delivered."""
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCost:
    """What the server's processes used; memory is resident, in bytes. CPU is that of the measured phase."""

    user_seconds: float
    system_seconds: float
    processes: int
    cpu_us_per_delivered: float | None
    """None where nothing is delivered (``connect``)."""
    cpu_us_per_set_up: float | None
    """Of ``connect``: from the first connection to the last subscription; of ``churn``: of a whole life."""
    rss_before: int
    rss_with_sessions: int
    rss_after: int
    """When all sessions have gone."""
    kib_per_session: float
    """What the sessions added, divided by them; 0 where they come and go."""

    @property
    def cpu_seconds(self) -> float:
        """User and system."""
        return self.user_seconds + self.system_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. ``published`` to ``series`` are of the measured phase, ``expected`` to ``out_of_order`` of the whole.

    A run is exact if ``expected`` were all ``arrived``, none twice and none out of order; warm-up included.
    """

    workload: Workload
    target: str
    """Its URL."""
    run: str
    """Its id; channels are called ``/bench/<run>/…``."""
    started: str
    """UTC, ISO 8601."""
    seconds: float
    """What was measured: from the first publish to the last delivery."""

    sessions: int
    """Reached: set up, with their subscriptions; those that only hold silent channels and patterns too.

    Of churn those that came while it was measured.
    """
    set_up_seconds: float
    set_ups_per_second: float

    published: int
    """Taken by the server."""
    delivered: int

    expected: int
    arrived: int
    lost: int
    double: int
    out_of_order: int

    errors: Mapping[str, int] = field(default_factory=dict)
    """How often, by what the server or the network said."""
    latency: Latency | None = None
    """None if nothing was delivered."""
    series: tuple[Second, ...] = ()
    server: ServerCost | None = None
    """None without the server's process id."""
    watched: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds of other processes in the measured phase, by the names that were given for them."""
    generator_cpu: tuple[float, ...] = ()
    """Share of a core that each generator used while measuring; near 1 it measured itself."""
    generator_late_ms: float = 0.0
    """How late the latest publish of an open loop was begun; counted in its latency."""

    @property
    def is_exact(self) -> bool:
        """Nothing was lost, came twice or came out of order."""
        return not (self.lost or self.double or self.out_of_order)

    @property
    def delivered_per_second(self) -> float:
        """Over the measured phase."""
        return self.delivered / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values, ready for any JSON encoder."""
        return dataclasses.asdict(self)

    def encode(self) -> str:
        """As JSON text."""
        return json.encode(self.as_json()).decode()

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``; raises TypeError or KeyError for something else."""
        more = dict(fields)
        latency, server = more["latency"], more["server"]
        more["workload"] = Workload.from_json(more["workload"])
        more["latency"] = Latency(**latency) if latency is not None else None
        more["server"] = ServerCost(**server) if server is not None else None
        more["series"] = tuple(Second(**each) for each in more["series"])
        more["generator_cpu"] = tuple(more["generator_cpu"])
        return cls(**more)
