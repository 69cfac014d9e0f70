"""The section of the page about routing: made from the measurements alone."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.markdown import table
from benchmarks.measurement import Measurement, Results
from benchmarks.routing.catalogue import AGENTS, MACHINES, PATHS, Machines, Path
from gateway.bench.pictures import figure

_NONE = "–"

What = Callable[[Measurement], float | None]


def section(results: Results) -> str:
    """Markdown."""
    parts = [
        "## Which agent gets which task",
        f"Measured by itself ({', '.join(results.sittings)}). Figures are medians of the rounds ({results.rounds}), "
        "with the least and the most in brackets.",
        table(("measured on", ""), [(name, value) for name, value in results.machine.items()]),
        table(("program", "version"), [(name, value) for name, value in results.versions.items()]),
        "\n".join(f"- {sentence}" for sentence in results.left_out),
        _decisions(results),
        _path(results),
        "\n".join(f"- {line}" for line in _incidents(results)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decisions(results: Results) -> str:
    rows = [
        (
            case.title,
            agents,
            _cell(results, case, agents, lambda run: run.value),
            _cell(results, case, agents, lambda run: 1e6 / run.value if run.value else None),
        )
        for case in MACHINES
        for agents in _measured(results, case)
    ]
    if not rows:
        return ""
    parts = (
        "### Decisions",
        "The machines by themselves, nothing stored and nothing sent: a task comes, is given to the agent who has been "
        "free for longest, accepted and closed. A decision is charged with all messages of its task.",
        table(("what", "agents Ready", "CPU µs for a task", "tasks a second of CPU"), rows),
    )
    return "\n\n".join(parts)


def _path(results: Results) -> str:
    rows = [
        (
            case.title,
            agents,
            _cell(results, case, agents, lambda run: run.p50),
            _cell(results, case, agents, lambda run: run.p99),
            _cell(results, case, agents, lambda run: run.value and run.value / 1000),
            _cell(results, case, agents, _redis),
            _cell(results, case, agents, lambda run: run.delivered / run.seconds if run.seconds else None),
        )
        for case in PATHS
        for agents in _measured(results, case)
    ]
    if not rows:
        return ""
    case = PATHS[0]
    parts = (
        "### From the task to the desktop",
        "One gateway process with everything: a customer comes, his chat is stored, routed by messages between the "
        "three roles, and shown to its agent by WebSocket as `Invited`; then the customer leaves. Time is from when he "
        f"was due to when the desktop had it, in milliseconds, {case.rate:g} tasks a second by the clock, "
        f"{case.timed} in a round. Cost is of the whole task, until its agent is free again, and was measured with "
        f"{case.window} tasks on their way, or one for each agent where there are fewer.",
        table(
            (
                "arrangement",
                "agents Ready",
                "half within",
                "99 % within",
                "CPU ms of the gateway for a task",
                "of Redis",
                "tasks a second",
            ),
            rows,
        ),
    )
    return "\n\n".join(parts)


def _incidents(results: Results) -> list[str]:
    titles = {case.name: case.title for case in (*MACHINES, *PATHS)}
    return [
        f"{titles[run.benchmark]}, {run.peer} agents, round {run.round}: failed: {' '.join(run.failure.split())[:200]}"
        for run in results.measurements
        if run.failure
    ]


def _redis(run: Measurement) -> float | None:
    """CPU ms of redis-server for a task."""
    return run.redis_seconds * 1000 / run.delivered if run.redis_seconds and run.delivered else None


def _measured(results: Results, case: Machines | Path) -> list[str]:
    found = {run.peer for run in results.measurements if run.benchmark == case.name}
    return [f"{agents:,}" for agents in sorted({*AGENTS, *map(int, found)}) if str(agents) in found]


def _cell(results: Results, case: Machines | Path, agents: str, what: What) -> str:
    spread = results.spread(case.name, agents.replace(",", ""), what)
    if spread is None:
        return _NONE
    return f"{figure(spread.median)} ({figure(spread.least)}–{figure(spread.most)})"
