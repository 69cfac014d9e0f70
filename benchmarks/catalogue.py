"""What is measured: each benchmark with its workload and the one figure that counts.

Adding one here is all it takes: it runs, is written down, and has its row in the page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.bench.outcome import Outcome
from gateway.bench.workload import Transport, Workload

WARM_UPS = 5
"""So often a server is warmed up, or less often if it gets no cheaper: virtual machines compile what is called much."""

_QUICK_SHARE = 20  # --quick has so many times fewer sessions


@dataclass(frozen=True, slots=True)
class Figure:
    """The number that a benchmark is about."""

    name: str
    of: Callable[[Outcome], float | None]
    more_is_better: bool = False


def _cost(outcome: Outcome) -> float | None:
    return outcome.server.cpu_us_per_delivered if outcome.server else None


def _set_ups(outcome: Outcome) -> float | None:
    cost = outcome.server.cpu_us_per_set_up if outcome.server else None
    return 1e6 / cost if cost else None


def _memory(outcome: Outcome) -> float | None:
    return outcome.server.kib_per_session if outcome.server else None


def _p99(outcome: Outcome) -> float | None:
    return outcome.latency.p99 if outcome.latency else None


COST = Figure("CPU µs of the server for a delivered message", _cost)
SET_UPS = Figure("sessions set up in a second of the server's CPU", _set_ups, more_is_better=True)
MEMORY = Figure("resident KiB of the server for an idle session", _memory)
LATENCY = Figure("99 % of deliveries within so many milliseconds", _p99)

FIGURES = (COST, SET_UPS, MEMORY, LATENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One workload, the same for every peer that has its transport."""

    name: str
    title: str
    figure: Figure
    workload: Workload
    warm_up: Workload | None = None
    """What each server is given before the first round, and nobody counts; a fresh one once, before its only run."""
    has_floor: bool = False
    """It is compared with the C loop, too."""
    is_fresh: bool = False
    """Each run has a server of its own, set to give memory back."""
    ours_only: bool = False
    family: str = ""
    """Benchmarks that differ in one number only: growth."""
    at: int = 0
    """That number."""

    @property
    def transport(self) -> Transport:
        """What carries it."""
        return self.workload.transport

    @property
    def expected_seconds(self) -> float:
        """Of one run, roughly."""
        warm_up = _expected(self.warm_up) if self.warm_up and self.is_fresh else 0.0
        return _expected(self.workload) + warm_up

    @property
    def expected_warm_up(self) -> float:
        """Of one server, before the first round; roughly."""
        return WARM_UPS / 2 * _expected(self.warm_up) if self.warm_up and not self.is_fresh else 0.0

    def is_chosen(self, word: str) -> bool:
        """Whether ``--only`` means it: by its name, its family, or how one of them begins."""
        return self.name.startswith(word) or (bool(self.family) and self.family.startswith(word))

    def quick(self) -> Benchmark:
        """The same in a few seconds, to see that it works; its figures mean nothing."""
        warm_up = _quick(self.warm_up) if self.warm_up else None
        return dataclasses.replace(self, workload=_quick(self.workload), warm_up=warm_up)


def _expected(load: Workload) -> float:
    """Seconds, setting up and going away included."""
    published = load.hold if load.kind == "connect" else load.warm_up + load.seconds
    others = (load.silent_channels + load.wildcards) / 5000 + load.sessions * load.subscriptions / 50_000
    return published + 2 + load.sessions / 700 + others


def _quick(load: Workload) -> Workload:
    is_point_to_point = load.kind == "p2p" and load.rate is not None
    return dataclasses.replace(
        load,
        sessions=max(10, load.sessions // _QUICK_SHARE),
        rate=load.rate / _QUICK_SHARE if load.rate is not None and is_point_to_point else load.rate,
        subscriptions=min(load.subscriptions, 5),
        silent_channels=load.silent_channels // _QUICK_SHARE,
        wildcards=load.wildcards // _QUICK_SHARE,
        seconds=0.5,
        warm_up=0.1,
        hold=min(load.hold, 0.3),
        settle=10.0,
    )


def _loaded(name: str, title: str, workload: Workload, figure: Figure = COST, *, has_floor: bool = False) -> Benchmark:
    """One whose servers warm up with the very same load."""
    return Benchmark(name=name, title=title, figure=figure, workload=workload, warm_up=workload, has_floor=has_floor)


def _fan_out(**more: int | float | Transport) -> Workload:
    return Workload(**{"kind": "fanout", "sessions": 1000, "seconds": 4.0, "warm_up": 2.0, **more})  # type: ignore[arg-type]


def _connecting(transport: Transport) -> Iterator[Benchmark]:
    """Set-up and memory over a transport."""
    name = {"websocket": "websocket", "long-polling": "polling"}[transport]
    storm = Workload(kind="connect", transport=transport, sessions=2000, hold=0.5)
    crowd = Workload(kind="connect", transport=transport, sessions=5000, hold=2.0)
    yield Benchmark(
        name=f"set-up-{name}",
        title=f"set-up storm, {transport}",
        figure=SET_UPS,
        workload=storm,
        warm_up=Workload(kind="churn", transport=transport, sessions=100, seconds=5.0, warm_up=0),
    )
    yield Benchmark(
        name=f"memory-{name}",
        title=f"5,000 idle sessions, {transport}",
        figure=MEMORY,
        workload=crowd,
        # What the first sessions bring along, classes and code, is not the price of a session.
        warm_up=Workload(kind="connect", transport=transport, sessions=500, hold=0.5),
        is_fresh=True,
    )


def _growing(family: str, noun: str, steps: tuple[int, ...], field: str, *, ours_only: bool) -> Iterator[Benchmark]:
    """A fan-out in which one number grows; the other fan-outs have warmed the servers up."""
    for at in steps:
        load = _fan_out(**{"seconds": 2.0, "warm_up": 1.0, field: at})
        yield Benchmark(
            name=f"{family}-{at}",
            title=f"fan-out with {at:,} {noun}",
            figure=COST,
            workload=load,
            ours_only=ours_only,
            family=family,
            at=at,
        )


CATALOGUE: tuple[Benchmark, ...] = (
    _loaded("fan-out-window-10", "fan-out ×1000, ten in flight", _fan_out(window=10)),
    _loaded("fan-out-window-1", "fan-out ×1000, one at a time", _fan_out(window=1), has_floor=True),
    _loaded("point-to-point", "point-to-point ×1000", Workload(kind="p2p", sessions=1000, seconds=4.0, window=1000)),
    _loaded(
        "polling-fan-out", "long-polling fan-out ×500", _fan_out(window=10, sessions=500, transport="long-polling")
    ),
    *_connecting("websocket"),
    *_connecting("long-polling"),
    _loaded("latency-fan-out", "fan-out at 10,000 deliveries a second", _fan_out(rate=10.0), LATENCY),
    _loaded(
        "latency-point-to-point",
        "point-to-point at 10,000 a second",
        Workload(kind="p2p", sessions=1000, seconds=4.0, rate=10_000.0),
        LATENCY,
    ),
    *_growing("subscribers", "subscribers", (100, 1000, 5000), "sessions", ours_only=False),
    *_growing("channels", "channels besides", (100, 10_000), "silent_channels", ours_only=True),
    *_growing("subscriptions", "subscriptions a session", (1, 10, 100), "subscriptions", ours_only=True),
    *_growing("wildcards", "wildcard patterns besides", (0, 1000, 10_000), "wildcards", ours_only=True),
)
