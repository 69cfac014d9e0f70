"""The page of results, ``latest.md``: written from the measurements alone, so it can be written again from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from benchmarks.catalogue import CATALOGUE, COST, FIGURES, LATENCY, MEMORY, SET_UPS, Benchmark, Figure
from benchmarks.floor import send
from benchmarks.goals import ABOVE_FLOOR, GOALS, GROWTH, GROWTH_FAMILIES, Goal, Mark, ratio
from benchmarks.markdown import table
from benchmarks.measurement import Measurement, Results, total
from benchmarks.pictures import PICTURES
from gateway.bench.pictures import figure

_NONE = "–"
_APART = "†"
_OURS = ("ours", "ours-compiled")
"""The forms of our server: plain Python, and with its hot modules compiled."""

_ABOUT: dict[Figure, str] = {
    COST: "User and system time of the server's process while it was measured, by the events that arrived.",
    SET_UPS: (
        "A set-up goes from the connection to the answer of the first connect. By the clock on the wall, in which the "
        "load shares, they are fewer:"
    ),
    MEMORY: (
        "What 5,000 sessions added to the resident memory of a fresh server that had served 500 before. Garbage is "
        "collected before each look where a server can be asked to, and CometD's virtual machine has a heap that "
        "begins small and shrinks to what is alive (in the other benchmarks it may keep what it has). The growth of "
        "the heap alone:"
    ),
    LATENCY: (
        "Publishes begin at fixed times, and latency counts from the time at which one was due, so that a server that "
        "stops for a while is charged for all who waited."
    ),
}

_BESIDES: dict[Figure, Callable[[Measurement], float | None]] = {
    SET_UPS: lambda run: run.set_ups_per_second or None,
    MEMORY: lambda run: run.heap_kib_per_session,
}
"""A second figure that explains the first."""


def page(results: Results, titles: Mapping[str, str]) -> str:
    """Markdown.

    Args:
        titles: of the peers, by name, in the order of columns.
    """
    named = {**titles, send.NAME: send.TITLE}
    present = {each.peer for each in results.measurements}
    columns = {name: title for name, title in named.items() if name in present}
    parts = [
        _head(results),
        _goals(results, columns),
        *(_figures(results, columns, each) for each in FIGURES),
        _growth(results, columns),
        _exactness(results, columns),
        _circumstances(results, columns),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    sittings = results.sittings
    when = " and ".join(sittings[-2:]) if len(sittings) < 3 else f"{len(sittings)} sittings, the last {sittings[-1]}"
    told = [
        "# Measured side by side",
        f"Written by `make bench` ({when}); [what is measured, and how](../README.md). Figures are medians of the "
        f"rounds ({results.rounds}), with the least and the most in brackets.",
        table(("measured on", ""), [(name, value) for name, value in results.machine.items()]),
        table(("program", "version"), [(name, value) for name, value in results.versions.items()]),
        "\n".join(f"- {sentence}" for sentence in results.left_out),
    ]
    return "\n\n".join(part for part in told if part)


def _goals(results: Results, columns: Mapping[str, str]) -> str:
    """How many times better than each peer, against what was promised: as it is installed, and compiled."""
    told = "\n\n".join(
        part for part in (_goals_of(results, columns, form) for form in _OURS if form in columns) if part
    )
    if not told:
        return ""
    ratios = (
        f"For set-ups per second it is ours ÷ theirs. Both were measured in one sitting, except where {_APART} stands."
    )
    return f"## How many times cheaper\n\n{ratios}\n\n{told}"


def _goals_of(results: Results, columns: Mapping[str, str], ours: str) -> str:
    rivals = [name for name in dict.fromkeys(name for goals in GOALS.values() for name in goals) if name in columns]
    chosen = [each for each in CATALOGUE if each.name in GOALS and results.median(each.name, ours) is not None]
    head = ["workload"]
    for name in rivals:
        head += [f"{columns[name]} ÷ {columns[ours]}", "must / aim", ""]
    rows = [[each.title, *(cell for name in rivals for cell in _goal(results, each, ours, name))] for each in chosen]
    parts = [table(head, rows)] if rivals and rows else []
    parts += [_above_floor(results, columns, ours)]
    return "\n\n".join(part for part in parts if part)


def _goal(results: Results, benchmark: Benchmark, ours: str, name: str) -> tuple[str, str, str]:
    goal: Goal = GOALS[benchmark.name][name]
    times = ratio(results.median(benchmark.name, ours), results.median(benchmark.name, name), benchmark.figure)
    apart = "" if results.are_together(benchmark.name, ours, name) else f" {_APART}"
    return (
        (f"{figure(times)}{apart}" if times is not None else _NONE),
        f"{goal.must:g} / {goal.aim:g}",
        goal.mark(times),
    )


def _above_floor(results: Results, columns: Mapping[str, str], ours: str) -> str:
    """How far above the C loop we are."""
    name = next(each.name for each in CATALOGUE if each.has_floor)
    times = ratio(results.median(name, send.NAME), results.median(name, ours), COST)
    if times is None:
        return ""
    mark = Mark.MUST if times <= ABOVE_FLOOR else Mark.MISSED
    return (
        f"One event at a time costs {columns[ours]} {figure(times)} × what the C loop of `send()` takes; at most "
        f"{ABOVE_FLOOR:g} × is the goal: {mark}."
    )


def _figures(results: Results, columns: Mapping[str, str], about: Figure) -> str:
    """Absolute figures of the benchmarks that are no growth."""
    chosen = [each for each in CATALOGUE if each.figure is about and not each.family]
    rows = [(each, [_cell(results, each.name, name) for name in columns]) for each in chosen]
    rows = [(each, cells) for each, cells in rows if any(cell != _NONE for cell in cells)]
    if not rows:
        return ""
    used = [any(cells[at] != _NONE for _, cells in rows) for at in range(len(columns))]
    head = ["workload", *_where(used, columns.values())]
    body = [[each.title, *_where(used, cells)] for each, cells in rows]
    parts = [
        f"## {about.name[0].upper()}{about.name[1:]}",
        _ABOUT[about],
        _besides(results, columns, about, [each for each, _ in rows]),
        table(head, body),
        "\n\n".join(f"![{each.title}]({each.name}.svg)" for each in PICTURES if each.about is about),
    ]
    return "\n\n".join(part for part in parts if part)


def _besides(results: Results, columns: Mapping[str, str], about: Figure, chosen: Sequence[Benchmark]) -> str:
    """A second figure that explains the first."""
    what = {SET_UPS: lambda run: run.set_ups_per_second or None, MEMORY: lambda run: run.heap_kib_per_session}.get(
        about
    )
    if what is None:
        return ""
    told = []
    for each in chosen:
        figures = [
            f"{title} {figure(spread.median)}"
            for name, title in columns.items()
            if (spread := results.spread(each.name, name, what)) is not None
        ]
        if figures:
            told.append(f"- {each.title}: {', '.join(figures)}")
    return "\n".join(told)


def _growth(results: Results, columns: Mapping[str, str]) -> str:
    """What a delivery costs as one number grows."""
    families = dict.fromkeys(each.family for each in CATALOGUE if each.family)
    rows = []
    for family in families:
        steps = [each for each in CATALOGUE if each.family == family]
        for name, title in columns.items():
            costs = [results.median(each.name, name) for each in steps]
            if any(cost is not None for cost in costs):
                told = ", ".join(
                    f"{each.at:,}: {figure(cost)}" for each, cost in zip(steps, costs, strict=True) if cost is not None
                )
                rows.append((family, title, told, *_grown(family, name, costs)))
    if not rows:
        return ""
    parts = (
        "## Growth",
        "CPU µs of the server for a delivered message of a fan-out (ten in flight) in which one number grows; all but "
        "the first family have 1,000 subscribers.",
        table(("what grows", "server", "CPU µs a delivery", "last ÷ first", ""), rows),
        "![Growth](growth.svg)",
    )
    return "\n\n".join(parts)


def _grown(family: str, name: str, costs: Sequence[float | None]) -> tuple[str, str]:
    first, last = costs[0], costs[-1]
    if not first or not last:
        return _NONE, ""
    times = last / first
    if name != "ours" or family not in GROWTH_FAMILIES:
        return figure(times), ""
    return figure(times), f"at most {GROWTH:g}: {Mark.MUST if times <= GROWTH else Mark.MISSED}"


def _exactness(results: Results, columns: Mapping[str, str]) -> str:
    """What was lost or came twice."""
    rows = []
    for name, title in columns.items():
        runs = [each for each in results.measurements if each.peer == name]
        if name == send.NAME:
            continue
        counts = (
            total(runs, what)
            for what in (
                lambda run: run.delivered,
                lambda run: run.lost,
                lambda run: run.double,
                lambda run: run.out_of_order,
            )
        )
        rows.append((title, f"{len(runs)}", *(f"{count:,}" for count in counts)))
    incidents = [f"- {text}" for text in _incidents(results, columns)]
    parts = (
        "## Nothing lost, nothing twice",
        "Over all rounds and workloads; each event is looked for at each subscriber.",
        table(("server", "runs", "delivered", "lost", "double", "out of order"), rows),
        "\n".join(incidents),
    )
    return "\n\n".join(part for part in parts if part)


def _incidents(results: Results, columns: Mapping[str, str]) -> Iterator[str]:
    """Runs that went wrong, each in a line."""
    titles = {each.name: each.title for each in CATALOGUE}
    for run in results.measurements:
        where = f"{columns.get(run.peer, run.peer)}, {titles.get(run.benchmark, run.benchmark)}, round {run.round}"
        if run.failure:
            yield f"{where}: failed ({_one_line(run.failure)})"
        elif run.lost or run.double or run.out_of_order:
            yield f"{where}: {run.lost:,} lost, {run.double:,} double, {run.out_of_order:,} out of order"
        for text, count in run.errors.items():
            yield f"{where}: {count:,} × {_one_line(text)}"


def _circumstances(results: Results, columns: Mapping[str, str]) -> str:
    """What to know before believing the figures."""
    runs = [each for each in results.measurements if each.peer != send.NAME]
    if not runs:
        return ""
    idlest = max(runs, key=lambda run: run.idle_cpu)
    busiest = max((run for run in runs if _is_timed(run)), key=lambda run: run.load_cpu, default=None)
    told = [f"- While one server was measured, all others together used at most {idlest.idle_cpu:.1%} of their core."]
    if busiest is not None:
        told.append(
            f"- Where latency was measured, the load used at most {busiest.load_cpu:.0%} of its own core "
            f"({columns.get(busiest.peer, busiest.peer)}); near 100 % it would have measured itself."
        )
    return "\n\n".join(("## Circumstances", "\n".join(told)))


def _is_timed(run: Measurement) -> bool:
    return any(each.name == run.benchmark and each.figure is LATENCY for each in CATALOGUE)


def _cell(results: Results, benchmark: str, name: str) -> str:
    spread = results.spread(benchmark, name)
    if spread is None:
        return "failed" if results.of(benchmark, name) else _NONE
    return f"{figure(spread.median)} ({figure(spread.least)}–{figure(spread.most)})"


def _where(chosen: Sequence[bool], cells: Iterable[str]) -> list[str]:
    return [cell for is_chosen, cell in zip(chosen, cells, strict=True) if is_chosen]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
