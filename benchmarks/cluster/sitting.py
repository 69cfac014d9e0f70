"""All cases on all arrangements, round by round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from benchmarks.cluster import store
from benchmarks.cluster.catalogue import ARRANGEMENTS, CASES, START, Arrangement, Case
from benchmarks.cluster.rig import UNFIT, arranged, failed, measure, measurement
from benchmarks.cpus import Cpus
from benchmarks.measurement import Measurement, Results
from benchmarks.progress import Progress
from benchmarks.turns import turns
from gateway.bench.machine import this_machine
from gateway.bench.pictures import figure

_BY_NAME = {each.name: each for each in ARRANGEMENTS}


def results(
    cpus: Cpus,
    *,
    rounds: int,
    versions: Mapping[str, str],
    sitting: str,
    raw: Path,
    out: TextIO,
    is_quick: bool = False,
) -> Results:
    """Measure; every second round goes backward through the arrangements.

    Args:
        versions: of our programs; that of Redis is added.
        sitting: when it began.
        raw: gets every outcome whole, in a file each.
        out: is told what runs.
    """
    raw.mkdir(parents=True, exist_ok=True)
    cases = [case.quick() for case in CASES] if is_quick else CASES
    progress = Progress(out, len(ARRANGEMENTS) * rounds, rounds * sum(_expected(cases, each) for each in ARRANGEMENTS))
    measured: list[Measurement] = []
    for number, name in turns(tuple(_BY_NAME), rounds):
        arrangement = _BY_NAME[name]
        progress.begin(f"many nodes: {arrangement.title}, round {number}")
        for run in _round(_chosen(cases, arrangement), arrangement, cpus, sitting, number, raw):
            measured.append(run)
            told = figure(run.value) if run.value is not None else f"failed: {run.failure}"
            progress.say(f"    {run.benchmark}: {told}")
        progress.passed(_expected(cases, arrangement))
    return Results(
        machine={**this_machine(), **_cores(cpus)},
        versions={**versions, "Redis": store.version()},
        rounds=rounds,
        measurements=tuple(measured),
    )


def _round(
    cases: Sequence[Case], arrangement: Arrangement, cpus: Cpus, sitting: str, number: int, raw: Path
) -> Iterator[Measurement]:
    """One arrangement from its start to its end. If it does not start, each of its cases has failed."""
    waiting = list(cases)
    try:
        with arranged(arrangement, cpus) as running:
            while waiting:
                case = waiting.pop(0)
                file = raw / f"cluster-{case.name}-{arrangement.name}-{number}.json"
                try:
                    says = measure(case, running, cpus, file)
                except UNFIT as failure:
                    says = failed(failure)
                yield measurement(case, arrangement, sitting, number, says)
    except UNFIT as failure:
        for case in waiting:
            yield measurement(case, arrangement, sitting, number, failed(failure))


def _chosen(cases: Sequence[Case], arrangement: Arrangement) -> list[Case]:
    return [case for case in cases if arrangement in case.on]


def _expected(cases: Sequence[Case], arrangement: Arrangement) -> float:
    """Seconds on one arrangement, roughly."""
    return START * arrangement.nodes + sum(case.expected_seconds for case in _chosen(cases, arrangement))


def _cores(cpus: Cpus) -> dict[str, str]:
    """Who had which."""
    if cpus.load is None:
        return {"Nodes and Redis": "the one core that there is, which they share with the load"}
    numbers = [str(cpu) for cpu in cpus.of_many_servers]
    cores = f"core {numbers[0]} together" if len(numbers) == 1 else f"cores {', '.join(numbers)} together"
    return {"Nodes and Redis": cores, "Load": f"core {cpus.load}"}
