"""The section of the page about many nodes, and its pictures: made from the measurements alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.cluster.catalogue import (
    ARRANGEMENTS,
    CASES,
    EMBEDDED,
    FAN_OUT,
    HOP,
    MEMORY,
    ONE,
    POINT_TO_POINT,
    POLL_DELAY,
    POLLS,
    RELAY_DELAY,
    RELAYED,
    TWO,
    Arrangement,
    Case,
)
from benchmarks.markdown import table
from benchmarks.measurement import Measurement, Results, Spread, total
from gateway.bench.pictures import Bar, bars, figure

COST_PICTURE = "cluster"
HOP_PICTURE = "cluster-hop"
_NONE = "–"

What = Callable[[Measurement], float | None]


def together(run: Measurement) -> float | None:
    """CPU µs of nodes and Redis for a delivered message."""
    return None if run.value is None else run.value + (redis_cost(run) or 0.0)


def redis_cost(run: Measurement) -> float | None:
    """CPU µs of redis-server for a delivered message."""
    return run.redis_seconds * 1e6 / run.delivered if run.delivered and _has_redis(run) else None


def redis_cost_per_publish(run: Measurement) -> float | None:
    """CPU µs of redis-server for a publish."""
    return run.redis_seconds * 1e6 / run.published if run.published and _has_redis(run) else None


def set_up_cost(run: Measurement) -> float | None:
    """CPU µs of the node for a session, from the connection to its subscription."""
    seconds = run.user_seconds + run.system_seconds
    return seconds * 1e6 / MEMORY.workload.sessions if seconds else None


def redis_cost_per_set_up(run: Measurement) -> float | None:
    """CPU µs of redis-server for it."""
    return run.redis_seconds * 1e6 / MEMORY.workload.sessions if _has_redis(run) else None


def kept(run: Measurement) -> float | None:
    """Bytes in Redis for a session, or for an event in the journal."""
    return run.redis_bytes


def section(results: Results) -> str:
    """Markdown."""
    parts = [
        "## Many nodes on a Redis",
        f"Measured by itself ({', '.join(results.sittings)}), and not together with what stands above. Each node is a "
        "process with a port of its own; sessions are dealt out in turn, so that neighbours, who publish to one "
        f"another, are on different nodes. Figures are medians of the rounds ({results.rounds}), with the least and "
        "the most in brackets.",
        table(("measured on", ""), [(name, value) for name, value in results.machine.items()]),
        table(("program", "version"), [(name, value) for name, value in results.versions.items()]),
        "\n".join(f"- {sentence}" for sentence in results.left_out),
        _costs(results),
        _hop(results),
        _polls(results),
        _memory(results),
        _exactness(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def draw(results: Results, folder: Path) -> None:
    """Write the pictures into a folder."""
    (folder / f"{COST_PICTURE}.svg").write_text(_cost_picture(results) + "\n", "utf-8")
    (folder / f"{HOP_PICTURE}.svg").write_text(_hop_picture(results) + "\n", "utf-8")


# Tables ----------------------------------------------------------------------------------------


def _costs(results: Results) -> str:
    head = ("workload", "arrangement", "nodes", "redis-server", "together", "Redis, a publish", "delivered a second")
    rows = [
        (
            case.title,
            arrangement.title,
            _cell(results, case, arrangement, _value),
            _cell(results, case, arrangement, redis_cost),
            _cell(results, case, arrangement, together),
            _cell(results, case, arrangement, redis_cost_per_publish),
            _cell(results, case, arrangement, _pace),
        )
        for case in (FAN_OUT, POINT_TO_POINT)
        for arrangement in _measured(results, case)
    ]
    if not rows:
        return ""
    parts = (
        "### CPU µs for a delivered message",
        "User and system time of all nodes together, and of redis-server, by the events that arrived. On Redis nodes "
        "serve acknowledged messages to whoever asks, as is the default there; nobody asks here. Nodes and Redis "
        f"had {_cores(results)}. As long as they share a core, more nodes cannot deliver more: the last column then "
        "says what is left beside Redis and the other nodes, not how far nodes scale. Where there are few publishes, "
        "as in a fan-out, what Redis does for the nodes themselves is a large part of its time for each.",
        table(head, rows),
        f"![What a delivered message costs on one node and on many]({COST_PICTURE}.svg)",
    )
    return "\n\n".join(parts)


def _hop(results: Results) -> str:
    plain = [results.spread(HOP.name, EMBEDDED.name, what) for what in (_p50, _p99)]
    rows = [
        (
            arrangement.title,
            _cell(results, HOP, arrangement, _p50),
            _cell(results, HOP, arrangement, _p99),
            *(
                _difference(results.spread(HOP.name, arrangement.name, what), before)
                for what, before in zip((_p50, _p99), plain, strict=True)
            ),
            _cell(results, HOP, arrangement, together),
        )
        for arrangement in _measured(results, HOP)
    ]
    if not rows:
        return ""
    parts = (
        "### Latency of the hop",
        "One client to another, 200 a second by the clock: nothing waits for anything else. Milliseconds from the time "
        "a publish was due to its arrival. With so little to do, what each node does by itself (lease, probe, "
        "checkpoint) is a part of the processor time.",
        table(("arrangement", "half within", "99 % within", "added", "added to 99 %", "CPU µs, Redis included"), rows),
        f"![From a publish to its arrival]({HOP_PICTURE}.svg)",
    )
    return "\n\n".join(parts)


def _polls(results: Results) -> str:
    slow = {POLLS.name: POLL_DELAY, RELAYED.name: RELAY_DELAY}
    rows = [
        (
            case.title,
            arrangement.title,
            _cell(results, case, arrangement, _value),
            _cell(results, case, arrangement, redis_cost),
            _cell(results, case, arrangement, together),
            _cell(results, slow[case.name], arrangement, _p50),
            _cell(results, slow[case.name], arrangement, _p99),
        )
        for case in (POLLS, RELAYED)
        for arrangement in _measured(results, case)
    ]
    if not rows:
        return ""
    head = ("long polls", "arrangement", "nodes", "redis-server", "together", "half within, ms", "99 % within, ms")
    parts = [
        "### A relayed long poll",
        "200 long-polling sessions, one publish at a time: each poll is answered with one event. CPU µs for a poll; "
        "milliseconds are those of 50 events a second, each to one session.",
        table(head, rows),
    ]
    own, relayed = (results.spread(each.name, TWO.name, together) for each in (POLLS, RELAYED))
    if own and relayed:
        parts.append(
            f"That a poll reaches another node than its session's costs {figure(relayed.median - own.median)} µs more, "
            f"{figure(relayed.median / own.median)} × one that does not. With *n* nodes and round robin, "
            "(*n* − 1) ÷ *n* of the polls do."
        )
    return "\n\n".join(parts)


def _memory(results: Results) -> str:
    rows = [
        (
            arrangement.title,
            _cell(results, MEMORY, arrangement, _value),
            _cell(results, MEMORY, arrangement, kept),
            _cell(results, MEMORY, arrangement, set_up_cost),
            _cell(results, MEMORY, arrangement, redis_cost_per_set_up),
        )
        for arrangement in _measured(results, MEMORY)
    ]
    journal = results.spread(POINT_TO_POINT.name, TWO.name, kept) or results.spread(POINT_TO_POINT.name, ONE.name, kept)
    if not rows and journal is None:
        return ""
    head = (
        "arrangement",
        "KiB of the node",
        "bytes in Redis",
        "CPU µs of the node, set-up",
        "CPU µs of Redis, set-up",
    )
    size = POINT_TO_POINT.workload.size
    parts = [
        "### A session",
        f"{MEMORY.title}: what each of them takes, and what it took to set it up.",
        table(head, rows),
        f"An event with {size} bytes of padding takes {figure(journal.median)} bytes in the journal."
        if journal
        else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _exactness(results: Results) -> str:
    runs = results.measurements
    counts = [
        total(runs, what) for what in (lambda run: run.lost, lambda run: run.double, lambda run: run.out_of_order)
    ]
    told = (
        f"In all runs {total(runs, lambda run: run.delivered):,} events were delivered: {counts[0]:,} lost, "
        f"{counts[1]:,} double, {counts[2]:,} out of order."
    )
    titles = {case.name: case.title for case in CASES}
    named = {each.name: each.title for each in ARRANGEMENTS}
    incidents = []
    for run in runs:
        words = [f"failed: {run.failure}"] if run.failure else []
        words += [f"{count:,} × {text}" for text, count in run.errors.items()]
        where = f"{titles.get(run.benchmark, run.benchmark)}, {named.get(run.peer, run.peer)}, round {run.round}"
        incidents += [f"- {where}: {' '.join(each.split())[:200]}" for each in words]
    return "\n\n".join(part for part in (told, "\n".join(incidents)) if part)


# Pictures --------------------------------------------------------------------------------------


def _cost_picture(results: Results) -> str:
    return bars(
        "What a delivered message costs on one node and on many",
        {
            case.title: {each.title: _bar(results, case, each, together) for each in _measured(results, case)}
            for case in (FAN_OUT, POINT_TO_POINT, POLLS, RELAYED)
        },
        unit="CPU µs of all nodes and Redis for a delivered message",
    )


def _hop_picture(results: Results) -> str:
    return bars(
        "From a publish to its arrival",
        {
            f"{case.title}, {words}": {each.title: _bar(results, case, each, what) for each in _measured(results, case)}
            for case in (HOP, POLL_DELAY, RELAY_DELAY)
            for words, what in (("half within", _p50), ("99 % within", _p99))
        },
        unit="milliseconds",
    )


# Figures ---------------------------------------------------------------------------------------


def _value(run: Measurement) -> float | None:
    return run.value


def _p50(run: Measurement) -> float | None:
    return run.p50


def _p99(run: Measurement) -> float | None:
    return run.p99


def _pace(run: Measurement) -> float | None:
    return run.delivered / run.seconds if run.seconds else None


def _has_redis(run: Measurement) -> bool:
    return any(each.has_redis for each in ARRANGEMENTS if each.name == run.peer)


def _measured(results: Results, case: Case) -> Sequence[Arrangement]:
    return [each for each in case.on if results.of(case.name, each.name)]


def _cell(results: Results, case: Case, arrangement: Arrangement, what: What) -> str:
    spread = results.spread(case.name, arrangement.name, what)
    if spread is None:
        is_failed = results.spread(case.name, arrangement.name) is None
        return "failed" if is_failed else _NONE
    return f"{figure(spread.median)} ({figure(spread.least)}–{figure(spread.most)})"


def _difference(spread: Spread | None, before: Spread | None) -> str:
    if spread is None or before is None or spread is before or spread == before:
        return _NONE
    return f"{spread.median - before.median:+.2f}"


def _bar(results: Results, case: Case, arrangement: Arrangement, what: What) -> Bar | None:
    spread = results.spread(case.name, arrangement.name, what)
    return Bar(spread.median, spread.least, spread.most) if spread is not None else None


def _cores(results: Results) -> str:
    return results.machine.get("Nodes and Redis", "the cores named above")
