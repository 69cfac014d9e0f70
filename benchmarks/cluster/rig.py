"""Arrangements of nodes that run, and one case on one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cluster.catalogue import MEMORY, POINT_TO_POINT, Arrangement, Case
from benchmarks.cluster.store import Store, stored
from benchmarks.cpus import Cpus, pinned
from benchmarks.measurement import Measurement
from benchmarks.peers.gateway import Gateway, serving
from benchmarks.peers.server import ServerFailed
from gateway.bench import conductor
from gateway.bench.conductor import Progress
from gateway.bench.outcome import Outcome
from gateway.bench.target import Target
from gateway.bench.workload import Workload
from gateway.failure import Failure

UNFIT = (Failure, ServerFailed, ConnectionError, TimeoutError)
"""What a fault of the nodes raises: it costs this run, not the sitting."""

_REDIS = "redis"
_FIRST_ONES = Workload(kind="connect", sessions=300, hold=0.3)
"""What the first sessions bring along, classes and code, is not the price of a session."""


@dataclass(frozen=True, slots=True)
class Arranged:
    """One arrangement, running."""

    nodes: tuple[Gateway, ...]
    store: Store | None

    @property
    def watched(self) -> dict[str, int]:
        """All its processes, by names of ours."""
        pids = {f"node {number}": node.pid for number, node in enumerate(self.nodes)}
        return pids if self.store is None else {**pids, _REDIS: self.store.pid}


@contextmanager
def arranged(arrangement: Arrangement, cpus: Cpus) -> Iterator[Arranged]:
    """Run it on the servers' cores; raises ServerFailed."""
    with ExitStack() as stack:
        with pinned(*cpus.of_many_servers):
            store = stack.enter_context(stored()) if arrangement.has_redis else None
            options = (*arrangement.options, *(() if store is None else ("--redis", store.url)))
            nodes = tuple(stack.enter_context(serving(*options)) for _ in range(arrangement.nodes))
        yield Arranged(nodes, store)


def measure(case: Case, running: Arranged, cpus: Cpus, raw: Path | None = None) -> dict[str, Any]:
    """What one run says, as fields of a Measurement; raises one of UNFIT."""
    if case.name == MEMORY.name:
        _load(_FIRST_ONES, case, running, cpus)
    store = running.store
    before, during = (store.used_bytes() if store else 0), 0

    def look(progress: Progress) -> None:
        nonlocal during
        if progress.phase == "hold" and store is not None and not during and progress.fraction > 0:
            during = store.used_bytes()

    outcome = _load(case.workload, case, running, cpus, look)
    if raw is not None:
        raw.write_text(outcome.encode() + "\n", "utf-8")
    kept = None
    if store is not None and case.name == MEMORY.name:
        kept = (during - before) / outcome.sessions
    elif store is not None and case.name == POINT_TO_POINT.name:
        kept = store.bytes_per_event()
    return {**found(outcome), "redis_bytes": kept}


def found(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says: CPU µs of all nodes for a delivered message; of ``connect`` KiB of a session."""
    latency, server = outcome.latency, outcome.server
    redis = outcome.watched.get(_REDIS, 0.0)
    of_nodes = sum(outcome.watched.values()) - redis
    if outcome.workload.kind == "connect":
        value = server.kib_per_session if server else None
    else:
        value = of_nodes * 1e6 / outcome.delivered if outcome.delivered else None
    return {
        "value": value,
        "failure": "nothing was delivered" if value is None else "",
        "published": outcome.published,
        "delivered": outcome.delivered,
        "seconds": outcome.seconds,
        "redis_seconds": redis,
        "user_seconds": server.user_seconds if server else 0.0,
        "system_seconds": server.system_seconds if server else 0.0,
        "lost": outcome.lost,
        "double": outcome.double,
        "out_of_order": outcome.out_of_order,
        "errors": outcome.errors,
        "p50": latency.p50 if latency else None,
        "p99": latency.p99 if latency else None,
        "set_ups_per_second": outcome.set_ups_per_second,
        "load_cpu": max(outcome.generator_cpu, default=0.0),
    }


def failed(failure: Exception) -> dict[str, Any]:
    """The same of a run that broke off."""
    return {"value": None, "failure": str(failure)}


def measurement(case: Case, arrangement: Arrangement, sitting: str, number: int, says: dict[str, Any]) -> Measurement:
    """With which one it is."""
    return Measurement(benchmark=case.name, peer=arrangement.name, sitting=sitting, round=number, **says)


def _load(
    workload: Workload,
    case: Case,
    running: Arranged,
    cpus: Cpus,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    first, *others = (Target.parse(node.url) for node in running.nodes)
    with pinned(cpus.load):
        return conductor.run(
            workload,
            first,
            server_pid=running.nodes[0].pid,
            progress=progress,
            generator_cpus=() if cpus.load is None else (cpus.load,),
            also=others,
            polls_go_on=case.polls_go_on,
            watched=running.watched,
        )
