"""The servers that take turns, and one run on one of them.

A server lives from the first benchmark it is asked for to the last, so that a virtual machine stays warm; it is idle
while others are measured, which is measured too. Benchmarks of memory get a fresh one each time.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.catalogue import WARM_UPS, Benchmark
from benchmarks.cpus import Cpus, pinned
from benchmarks.floor import send
from benchmarks.measurement import Measurement
from benchmarks.peers import Peer, Server
from benchmarks.peers.server import ServerFailed
from gateway.bench import conductor
from gateway.bench.conductor import Progress
from gateway.bench.outcome import Outcome
from gateway.bench.target import Target
from gateway.bench.workload import Workload
from gateway.failure import Failure

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_STILL_FALLING = 0.95  # of what the last load cost: the next one is worth a try
_REST = 5.0  # seconds, at most, until the other servers are idle
_GLANCE = 0.2  # seconds in which an idle one uses no tick of CPU
_UNFIT = (Failure, ServerFailed, ConnectionError, TimeoutError)
"""What a server's fault raises: it costs this run, not the sitting."""


class Rig:
    """All servers of a sitting; use it as a context, which ends them.

    Args:
        peers: prepared.
        floor: the compiled C loop; None leaves it out.
        sitting: when it began.
        raw: gets every outcome whole, in a file each.
    """

    def __init__(self, peers: Mapping[str, Peer], cpus: Cpus, floor: Path | None, *, sitting: str, raw: Path) -> None:
        self._peers = peers
        self._cpus = cpus
        self._floor = floor
        self._sitting = sitting
        self._raw = raw
        self._running: dict[str, tuple[Server, ExitStack]] = {}

    def __enter__(self) -> Rig:
        """Servers start when they are first needed."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End them all."""
        with ExitStack() as all_of_them:
            for _server, stack in self._running.values():
                all_of_them.push(stack)

    def contestants(self, benchmark: Benchmark) -> list[str]:
        """Who takes turns in it."""
        names = [
            name
            for name, peer in self._peers.items()
            if benchmark.transport in peer.transports and (name == "ours" or not benchmark.ours_only)
        ]
        return [*names, send.NAME] if benchmark.has_floor and self._floor is not None else names

    def warm_up(self, benchmark: Benchmark, name: str) -> None:
        """Load a server until it gets no cheaper; what goes wrong here will go wrong again."""
        if name == send.NAME or benchmark.is_fresh or benchmark.warm_up is None:
            return
        cheapest = math.inf
        try:
            for _ in range(WARM_UPS):
                cost = _cost(self._load(benchmark.warm_up, self._server(name)))
                if cost is None or cost > cheapest * _STILL_FALLING:
                    return
                cheapest = cost
        except _UNFIT:
            self._end(name)

    def measure(self, benchmark: Benchmark, name: str, number: int) -> Measurement:
        """One turn."""
        if name == send.NAME:
            return self._measure_floor(benchmark, number)
        place = self._place(benchmark, name, number)
        others = [server.pid for other, (server, _) in self._running.items() if other != name]
        _await_idle(others)
        before, began = _cpu_seconds(others), time.monotonic()
        try:
            outcome, heap = self._fresh(benchmark, name) if benchmark.is_fresh else self._lasting(benchmark, name)
        except _UNFIT as failure:
            self._end(name)
            return Measurement(**place, value=None, failure=str(failure))
        idle = (_cpu_seconds(others) - before) / (time.monotonic() - began)
        self._keep(benchmark, name, number, outcome)
        return Measurement(**place, **_measured(benchmark, outcome), heap_kib_per_session=heap, idle_cpu=idle)

    def _place(self, benchmark: Benchmark, name: str, number: int) -> dict[str, Any]:
        """Which measurement it is."""
        return {"benchmark": benchmark.name, "peer": name, "sitting": self._sitting, "round": number}

    def _lasting(self, benchmark: Benchmark, name: str) -> tuple[Outcome, None]:
        return self._load(benchmark.workload, self._server(name)), None

    def _fresh(self, benchmark: Benchmark, name: str) -> tuple[Outcome, float | None]:
        """The outcome, and KiB of heap a session. Garbage is collected before each look at the memory."""
        with ExitStack() as stack:
            server = self._start(name, stack, is_frugal=True)
            if benchmark.warm_up is not None:
                self._load(benchmark.warm_up, server)
            before, during = server.collect(), None

            def collect_once(progress: Progress) -> None:
                nonlocal during
                if progress.phase == "hold" and during is None:
                    during = server.collect()

            outcome = self._load(benchmark.workload, server, collect_once)
        heap = (during - before) / _KIB / outcome.sessions if before and during and outcome.sessions else None
        return outcome, heap

    def _measure_floor(self, benchmark: Benchmark, number: int) -> Measurement:
        assert self._floor is not None
        told = send.measure(self._floor, benchmark.workload, self._cpus)
        return Measurement(
            **self._place(benchmark, send.NAME, number),
            value=told["cpu_us_per_send"],
            delivered=int(told["sends"]),
            user_seconds=told["user_seconds"],
            system_seconds=told["system_seconds"],
        )

    def _load(
        self, workload: Workload, server: Server, progress: Callable[[Progress], None] = lambda progress: None
    ) -> Outcome:
        load = self._cpus.load
        with pinned(load):
            return conductor.run(
                workload,
                Target.parse(server.url),
                server_pid=server.pid,
                progress=progress,
                generator_cpus=() if load is None else (load,),
            )

    def _server(self, name: str) -> Server:
        if name not in self._running:
            stack = ExitStack()
            self._running[name] = self._start(name, stack), stack
        return self._running[name][0]

    def _start(self, name: str, stack: ExitStack, *, is_frugal: bool = False) -> Server:
        with pinned(self._cpus.server):
            return stack.enter_context(self._peers[name].start(is_frugal=is_frugal))

    def _end(self, name: str) -> None:
        """A server that failed is not asked again; the next run gets another."""
        if name in self._running:
            self._running.pop(name)[1].close()

    def _keep(self, benchmark: Benchmark, name: str, number: int, outcome: Outcome) -> None:
        self._raw.mkdir(parents=True, exist_ok=True)
        with (self._raw / f"{benchmark.name}-{name}-{number}.json").open("w", encoding="utf-8") as file:
            file.write(outcome.encode() + "\n")


def _measured(benchmark: Benchmark, outcome: Outcome) -> dict[str, Any]:
    """What an outcome says."""
    latency, server = outcome.latency, outcome.server
    value = benchmark.figure.of(outcome)
    return {
        "value": value,
        "failure": "nothing was delivered" if value is None else "",
        "delivered": outcome.delivered,
        "lost": outcome.lost,
        "double": outcome.double,
        "out_of_order": outcome.out_of_order,
        "errors": outcome.errors,
        "p50": latency.p50 if latency else None,
        "p99": latency.p99 if latency else None,
        "user_seconds": server.user_seconds if server else 0.0,
        "system_seconds": server.system_seconds if server else 0.0,
        "set_ups_per_second": outcome.set_ups_per_second,
        "load_cpu": max(outcome.generator_cpu, default=0.0),
    }


def _cost(outcome: Outcome) -> float | None:
    """CPU of the server, for a message or for a life of a session."""
    server = outcome.server
    return (server.cpu_us_per_delivered or server.cpu_us_per_set_up) if server else None


def _await_idle(pids: list[int]) -> None:
    """Let servers that were loaded before compile and collect what is left of it."""
    deadline = time.monotonic() + _REST
    used = _cpu_seconds(pids)
    while time.monotonic() < deadline:
        time.sleep(_GLANCE)
        before, used = used, _cpu_seconds(pids)
        if used == before:
            return


def _cpu_seconds(pids: list[int]) -> float:
    """User and system, of all of them."""
    seconds = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds
