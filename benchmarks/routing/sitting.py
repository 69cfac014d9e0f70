"""All cases with all numbers of agents, round by round."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from benchmarks.cluster import store
from benchmarks.cpus import Cpus, pinned
from benchmarks.measurement import Measurement, Results
from benchmarks.peers.peer import Lacking
from benchmarks.progress import Progress
from benchmarks.routing import machines, path
from benchmarks.routing.catalogue import AGENTS, MACHINES, PATHS, Machines, Path
from benchmarks.turns import turns
from gateway.bench.machine import this_machine
from gateway.bench.pictures import figure

_QUICK_AGENTS = (1, 10)


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """One case with so many agents."""

    case: Machines | Path
    agents: int

    @property
    def name(self) -> str:
        return f"{self.case.title}, {self.agents:,} agents Ready"

    @property
    def expected_seconds(self) -> float:
        case = self.case
        return case.expected_seconds if isinstance(case, Machines) else case.expected_seconds(self.agents)

    def measure(self, cpus: Cpus) -> dict[str, Any]:
        """What it says, or why it says nothing."""
        if isinstance(self.case, Machines):
            with pinned(cpus.server):
                return machines.measure(self.case, self.agents)
        try:
            return path.measure(self.case, self.agents, cpus)
        except path.UNFIT as failure:
            return {"value": None, "failure": str(failure) or type(failure).__name__}


def results(
    cpus: Cpus, *, rounds: int, versions: Mapping[str, str], sitting: str, out: TextIO, is_quick: bool = False
) -> Results:
    """Measure; every second round goes backward.

    Args:
        versions: of our programs; that of Redis is added, where there is one.
        sitting: when it began.
        out: is told what runs.
    """
    load = {"Load average before": f"{os.getloadavg()[0]:.1f}"}  # what else runs makes the slowest slower still
    plan, left_out = _plan(is_quick)
    by_name = {run.name: run for run in plan}
    progress = Progress(out, len(plan) * rounds, rounds * sum(run.expected_seconds for run in plan))
    for sentence in left_out:
        progress.say(sentence)

    def measured() -> Iterator[Measurement]:
        for number, name in turns(tuple(by_name), rounds):
            run = by_name[name]
            progress.begin(f"routing: {name}, round {number}")
            says = run.measure(cpus)
            yield Measurement(benchmark=run.case.name, peer=str(run.agents), sitting=sitting, round=number, **says)
            told = figure(says["value"]) if says["value"] is not None else f"failed: {says['failure']}"
            progress.say(f"    {told}")
            progress.passed(run.expected_seconds)

    return Results(
        machine={**this_machine(), **_cores(cpus), **load},
        versions={**versions, **({} if left_out else {"Redis": store.version()})},
        rounds=rounds,
        left_out=tuple(left_out),
        measurements=tuple(measured()),
    )


def _plan(is_quick: bool) -> tuple[Sequence[_Run], Sequence[str]]:
    """What is to be run, and a sentence for what cannot be."""
    left_out = []
    cases: list[Machines | Path] = [*MACHINES, *PATHS]
    try:
        store.prepare()
    except Lacking:
        left_out = ["Routing on Redis was left out: redis-server is not installed."]
        cases = [case for case in cases if not getattr(case, "has_redis", False)]
    shrunk: Callable[[Machines | Path], Machines | Path] = _quick if is_quick else lambda case: case
    return [
        _Run(shrunk(case), agents) for case in cases for agents in (_QUICK_AGENTS if is_quick else AGENTS)
    ], left_out


def _quick(case: Machines | Path) -> Machines | Path:
    """The same in a second or two, to see that it works; its figures mean nothing."""
    if isinstance(case, Machines):
        return dataclasses.replace(case, tasks=20)
    return dataclasses.replace(case, rate=20.0, timed=5, seconds=0.5, warm_up=1)


def _cores(cpus: Cpus) -> dict[str, str]:
    """Who had which."""
    if cpus.load is None:
        return {"Gateway and Redis": "the one core that there is, which they share with customers and desktops"}
    numbers = ", ".join(str(cpu) for cpu in cpus.of_many_servers)
    return {"Gateway and Redis": f"core {numbers}", "Customers and desktops": f"core {cpus.load}"}
