"""What a load test found, in words: the same rows and sentences for the terminal and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.bench.outcome import Outcome
from gateway.bench.pictures import figure
from gateway.bench.refusals import next_step
from gateway.bench.workload import Kind, Workload

_BUSY = 0.9  # of a core: a generator above it waits for itself
_LATE_MS = 20.0  # about what a loaded machine's scheduler does by itself
_MANY = 500  # sessions: less memory than theirs comes and goes by itself
_LONGEST_TEXT = 200
_MIB = 1024.0 * 1024.0

_WHAT: dict[Kind, str] = {
    "connect": "{sessions} idle sessions",
    "fanout": "Fan-out to {sessions} sessions",
    "p2p": "Point-to-point between {sessions} sessions",
    "rtt": "Round trips of {sessions} sessions",
    "churn": "{sessions} sessions coming and going",
    "mix": "A mix of everything by {sessions} sessions",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what it is, how much, and what to know about it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together."""

    title: str
    figures: tuple[Figure, ...]


def title(workload: Workload) -> str:
    """What was done, in a line."""
    what = _WHAT[workload.kind].format(sessions=f"{workload.sessions:,}")
    return f"{what} over {workload.transport}{', acknowledged' if workload.ack else ''}"


def pace(workload: Workload) -> str:
    """When publishes, or the sessions of a churn, begin; empty where nothing is published."""
    if workload.kind == "connect":
        return ""
    if workload.rate is not None:
        return f"open loop, {workload.rate:,g} a second"
    return f"closed loop, {workload.window:,} in flight"


def place(outcome: Outcome) -> str:
    """The target without its query, which may hold a secret."""
    return outcome.target.partition("?")[0]


def sections(outcome: Outcome) -> list[Section]:
    """All figures; a section without any is left out."""
    rows = {
        "Delivery": _delivery(outcome),
        "Latency": _latency(outcome),
        "Sessions": _sessions(outcome),
        "Server": _server(outcome),
        "Load generators": _generators(outcome),
        "Errors": (Figure("Times", f"{count:,}", _printable(text)) for text, count in outcome.errors.items()),
    }
    found = [Section(name, tuple(figures)) for name, figures in rows.items()]
    return [section for section in found if section.figures]


def faults(outcome: Outcome) -> list[str]:
    """Why the server failed the test; none if every event arrived once and in order."""
    workload, told = outcome.workload, []
    if not outcome.is_exact:
        told.append(
            f"Of {outcome.expected:,} events {outcome.lost:,} were lost, {outcome.double:,} came twice and "
            f"{outcome.out_of_order:,} came out of order."
        )
    if workload.kind != "connect" and not outcome.delivered:
        told.append("Nothing was delivered.")
    if workload.kind == "connect" and outcome.sessions < workload.sessions:
        told.append(f"Only {outcome.sessions:,} of {workload.sessions:,} sessions were set up.")
    return told


def remarks(outcome: Outcome) -> list[str]:
    """What to know before believing the figures."""
    told = []
    for words, step in _advised(outcome.errors):
        told.append(f"“{words}”: {step}")
    busiest = max(outcome.generator_cpu, default=0.0)
    if busiest > _BUSY:
        told.append(
            f"A load generator used {busiest:.0%} of its core: the latencies may be its own. Add --generators, or load "
            "less."
        )
    if outcome.generator_late_ms > _LATE_MS:
        told.append(
            f"A publish began {outcome.generator_late_ms:,.0f} ms after its time, which its latency includes: was the "
            "machine busy with something else?"
        )
    if outcome.server is None:
        told.append("CPU time and memory of the server are told when it runs here and --server-pid names it.")
    return told


def _delivery(outcome: Outcome) -> Iterator[Figure]:
    if outcome.workload.kind == "connect":
        return
    published = f"{outcome.delivered:,} from {outcome.published:,} publishes in {outcome.seconds:.1f} s"
    yield Figure("Delivered a second", f"{outcome.delivered_per_second:,.0f}", published)
    yield Figure("Lost", f"{outcome.lost:,}", f"of {outcome.expected:,} events, warm-up included")
    yield Figure("Double", f"{outcome.double:,}")
    yield Figure("Out of order", f"{outcome.out_of_order:,}")


def _latency(outcome: Outcome) -> Iterator[Figure]:
    latency = outcome.latency
    if latency is None:
        return
    counted = "from the time at which a publish was due" if outcome.workload.is_open_loop else "from the publish"
    yield Figure("Median", f"{figure(latency.p50)} ms", f"{counted} to the arrival")
    for name, value in (("90 %", latency.p90), ("99 %", latency.p99), ("99.9 %", latency.p999)):
        yield Figure(name, f"{figure(value)} ms")
    yield Figure("Maximum", f"{figure(latency.max)} ms", f"of {latency.count:,} events")
    yield Figure("Mean", f"{figure(latency.mean)} ms")


def _sessions(outcome: Outcome) -> Iterator[Figure]:
    if outcome.workload.kind == "churn":
        came = outcome.published / outcome.seconds if outcome.seconds else 0.0
        yield Figure("Came and went a second", f"{came:,.0f}", "each heard one event")
        return
    yield Figure("Set up", f"{outcome.sessions:,}", f"in {outcome.set_up_seconds:.2f} s")
    yield Figure("Set up a second", f"{outcome.set_ups_per_second:,.0f}")


def _server(outcome: Outcome) -> Iterator[Figure]:
    server = outcome.server
    if server is None:
        return
    is_churn = outcome.workload.kind == "churn"
    if server.cpu_us_per_delivered is not None and not is_churn:
        yield Figure("CPU time a delivered message", f"{figure(server.cpu_us_per_delivered)} µs")
    if server.cpu_us_per_set_up is not None:
        name = "CPU time a session" if is_churn else "CPU time a set-up"
        yield Figure(name, f"{figure(server.cpu_us_per_set_up)} µs", "from handshake to disconnect" if is_churn else "")
    split = f"{server.user_seconds:.2f} s user, {server.system_seconds:.2f} s system"
    yield Figure("CPU time", f"{server.cpu_seconds:.2f} s", split)
    if not is_churn:
        chance = "" if outcome.sessions >= _MANY else f"; below {_MANY:,} sessions mostly chance"
        yield Figure("Memory a session", f"{figure(server.kib_per_session)} KiB", f"resident{chance}")
    yield Figure(
        "Resident memory",
        f"{server.rss_with_sessions / _MIB:.1f} MiB",
        f"{server.rss_before / _MIB:.1f} before, {server.rss_after / _MIB:.1f} after all sessions have gone",
    )
    if server.processes > 1:
        yield Figure("Processes", f"{server.processes:,}")


def _generators(outcome: Outcome) -> Iterator[Figure]:
    if outcome.generator_cpu:
        count = len(outcome.generator_cpu)
        note = "of a core, by the busiest" if count > 1 else "of a core"
        yield Figure("CPU time", f"{max(outcome.generator_cpu):.0%}", f"{note}; {count} in all" if count > 1 else note)
    if outcome.workload.is_open_loop:
        yield Figure("Latest publish", f"{figure(outcome.generator_late_ms)} ms", "after it was due")


def _advised(errors: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Each next step once, beside the commonest words that ask for it."""
    seen = set()
    for words in sorted(errors, key=lambda each: -errors[each]):
        step = next_step(words)
        if step and step not in seen:
            seen.add(step)
            yield _printable(words), step


def _printable(text: str) -> str:
    """What a server said, without what would move a terminal's cursor."""
    shown = "".join(each if each.isprintable() else "·" for each in text)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"
