"""Runs a load test: starts the generators, leads them through its phases, and adds up what they found.

Blocking, and made of processes: a generator has a core, a loop and a garbage collector for itself.
"""

from __future__ import annotations

import os
import resource
import secrets
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from gateway.bench import latencies
from gateway.bench.generator import Assignment
from gateway.bench.outcome import Outcome, ServerCost
from gateway.bench.plan import sessions_of
from gateway.bench.refusals import told
from gateway.bench.server_cost import Used, used_by
from gateway.bench.target import Door, Target
from gateway.bench.workload import Workload
from gateway.failure import ExitCode, Failure

_SECOND = 1_000_000_000
_HEAD_START = 50_000_000  # nanoseconds in which all generators get the order to publish
_SLOWEST_SET_UP = 20  # sessions a second; and the time that one has at least
_LEAST_PATIENCE = 60.0
_FAREWELL = 15.0  # seconds for generators to end by themselves
_SPARE_DESCRIPTORS = 64
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; told about four times a second, and at the end of each phase."""

    phase: str
    """``start``, ``set up``, ``hold``, ``warm up``, ``measure``, ``settle``, ``disconnect``, in this order."""
    fraction: float
    """Of the phase, 0 to 1."""
    figures: Mapping[str, float]
    """``sessions``, ``published``, ``delivered``, ``delivered_per_second``, ``errors``; of all generators, so far."""


def run(
    workload: Workload,
    target: Target,
    *,
    server_pid: int | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
    generator_cpus: Sequence[int] = (),
    log_in: Sequence[Mapping[str, Any]] = (),
    also: Sequence[Target] = (),
    polls_go_on: int = 0,
    watched: Mapping[str, int] = MappingProxyType({}),
) -> Outcome:
    """Do it, and wait for its end.

    Args:
        server_pid: the server's process; it and its descendants are measured.
        progress: called in this thread.
        generator_cpus: cores; generator i is pinned to one of them.
        log_in: fields of the handshakes, such as ``{"ext": {"token": …}}``; session i sends the i-th, round again.
        also: other nodes of the same gateway; session i comes in by the i-th of all, round again.
        polls_go_on: held connects go to another node, so many further than the session's own.
        watched: other processes, by name; these and their descendants are measured, each by itself.

    Raises:
        Failure: it could not be done; the text says what was refused, by what words, and what to do.
        KeyboardInterrupt: after the generators have disconnected their sessions.
    """
    latencies.new_histogram()  # what is missing is better known before than after
    doors = tuple(Door(each, *_address(each)) for each in (target, *also))
    _check_room(workload, target)
    for pid in (*watched.values(), *([] if server_pid is None else [server_pid])):
        used_by(pid)
    run_id = secrets.token_hex(4)
    assignments = [
        Assignment(
            workload=workload,
            doors=doors,
            polls_go_on=polls_go_on,
            run=run_id,
            number=number,
            of=workload.generators,
            log_in=tuple(log_in),
            cpu=generator_cpus[number % len(generator_cpus)] if generator_cpus else None,
        )
        for number in range(workload.generators)
    ]
    with _started(assignments) as generators:
        return _Run(workload, target, run_id, Ensemble(generators, progress), server_pid, watched).lead()


class _Run:
    """The phases of one run."""

    def __init__(
        self,
        workload: Workload,
        target: Target,
        run_id: str,
        ensemble: Ensemble,
        server_pid: int | None,
        watched: Mapping[str, int],
    ) -> None:
        self._workload = workload
        self._target = target
        self._run_id = run_id
        self._all = ensemble
        self._pid = server_pid
        self._watched = watched
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._seconds = 0.0
        self._costs: dict[str, Used] = {}
        self._others: dict[str, dict[str, Used]] = {}
        self._set_up_seconds = 0.0
        self._reached = 0
        self._counted = 0
        """Of these, those that the figures are about."""

    def lead(self) -> Outcome:
        """From the first connection to the last."""
        workload = self._workload
        self._set_up("start", "prepare")
        self._look("before")
        self._set_up("set up", "set up")
        self._look("set up")
        if workload.kind == "connect":
            self._all.rest("hold", workload.hold)
        else:
            if workload.warm_up:
                self._publish("warm up", workload.warm_up, counts=False)
            self._look("begun")
            self._publish("measure", workload.seconds, counts=True)
        self._look("with sessions")
        reports = self._all.order("report", _LEAST_PATIENCE, "settle")
        self._all.order("disconnect", _LEAST_PATIENCE, "disconnect", seconds=_LEAST_PATIENCE)
        self._look("after")
        return self._outcome(reports)

    # Phases ------------------------------------------------------------------------------------

    def _set_up(self, phase: str, order: str) -> None:
        patience = _LEAST_PATIENCE + sessions_of(self._workload) / _SLOWEST_SET_UP
        total = sessions_of(self._workload)
        answers = self._all.order(
            order, patience, phase, done=lambda figures: figures["sessions"] / total, seconds=patience
        )
        errors: Counter[str] = Counter()
        for answer in answers:
            errors.update(answer["errors"])
        reached, failed = (sum(answer[each] for answer in answers) for each in ("reached", "failed"))
        if not all(answer["is_whole"] for answer in answers):
            raise Failure(told(f"{phase}: only {reached} sessions came in {patience:.0f} s", errors))
        if failed and (self._workload.kind != "connect" or not reached):
            raise Failure(told(f"{failed} of {reached + failed} sessions could not be set up", errors))
        self._reached += reached
        if order == "set up" and reached:
            begun, ended = (
                choose(answer[each] for answer in answers) for choose, each in ((min, "begun_at"), (max, "ended_at"))
            )
            self._set_up_seconds = (ended - begun) / _SECOND
            self._counted = reached

    def _publish(self, phase: str, seconds: float, *, counts: bool) -> None:
        """Publish, then wait until everything has arrived."""
        settle = self._workload.settle
        at = time.monotonic_ns() + _HEAD_START
        answers = self._all.order(
            "publish",
            seconds + settle + _LEAST_PATIENCE,
            phase,
            done=lambda figures: (time.monotonic_ns() - at) / _SECOND / seconds,
            at=at,
            seconds=seconds,
            counts=counts,
            bound=seconds + settle,
        )
        streams = [stream for answer in answers for stream in answer["streams"]]
        begun = time.monotonic()
        awaited = self._all.order(
            "await",
            settle + _LEAST_PATIENCE,
            "settle" if counts else phase,
            done=lambda figures: (time.monotonic() - begun) / settle if counts else 1.0,
            streams=streams,
            seconds=settle,
        )
        if counts:
            self._seconds = (max(answer["last_arrival"] for answer in awaited) - at) / _SECOND

    def _look(self, when: str) -> None:
        if self._pid is not None:
            self._costs[when] = used_by(self._pid)
        self._others[when] = {name: used_by(pid) for name, pid in self._watched.items()}

    # Adding up ---------------------------------------------------------------------------------

    def _outcome(self, reports: Sequence[Mapping[str, Any]]) -> Outcome:
        def total(name: str) -> int:
            return sum(int(report[name]) for report in reports)

        errors: Counter[str] = Counter()
        for report in reports:
            errors.update(report["errors"])
        if total("stray"):
            errors["events of channels that were not subscribed"] = total("stray")
        is_connect = self._workload.kind == "connect"
        seconds = self._set_up_seconds if is_connect else max(0.0, self._seconds)
        set_ups, set_up_seconds = self._counted, self._set_up_seconds
        if self._workload.kind == "churn":
            set_ups, set_up_seconds = total("published"), self._seconds
        counted = [report["latencies"] for report in reports]
        return Outcome(
            workload=self._workload,
            target=self._target.url,
            run=self._run_id,
            started=self._started,
            seconds=seconds,
            sessions=self._reached + (set_ups if self._workload.kind == "churn" else 0),
            set_up_seconds=set_up_seconds,
            set_ups_per_second=set_ups / set_up_seconds if set_up_seconds > 0 else 0.0,
            published=total("published"),
            delivered=total("delivered"),
            expected=total("expected"),
            arrived=total("arrived"),
            lost=total("lost"),
            double=total("double"),
            out_of_order=total("out_of_order"),
            errors=dict(errors.most_common()),
            latency=None if is_connect else latencies.summed(counted),
            series=() if is_connect else latencies.series(counted),
            server=self._server_cost(total("delivered"), set_ups) if self._costs else None,
            watched=self._watched_seconds(),
            generator_cpu=tuple(report["cpu"] / seconds if seconds > 0 else 0.0 for report in reports),
            generator_late_ms=max(report["latest_publish"] for report in reports) / 1e6,
        )

    @property
    def _span(self) -> tuple[str, str]:
        """Between which looks is what is measured."""
        return ("before", "set up") if self._workload.kind == "connect" else ("begun", "with sessions")

    def _watched_seconds(self) -> dict[str, float]:
        before, after = (self._others[when] for when in self._span)
        return {
            name: (used.user + used.system) - (before[name].user + before[name].system) for name, used in after.items()
        }

    def _server_cost(self, delivered: int, set_ups: int) -> ServerCost:
        costs, kind = self._costs, self._workload.kind
        begin, end = self._span
        user = costs[end].user - costs[begin].user
        system = costs[end].system - costs[begin].system
        added = costs["with sessions"].rss - costs["before"].rss
        return ServerCost(
            user_seconds=user,
            system_seconds=system,
            processes=costs[end].processes,
            cpu_us_per_delivered=(user + system) * 1e6 / delivered if delivered else None,
            cpu_us_per_set_up=(user + system) * 1e6 / set_ups if set_ups and kind in ("connect", "churn") else None,
            rss_before=costs["before"].rss,
            rss_with_sessions=costs["with sessions"].rss,
            rss_after=costs["after"].rss,
            kib_per_session=added / 1024 / self._counted if self._counted else 0.0,
        )


# Generators ------------------------------------------------------------------------------------


class _Child:
    """A generator's process, and its lines."""

    def __init__(self, assignment: Assignment) -> None:
        self.number = assignment.number
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.bench.generator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out, self._err = self._process.stdin, self._process.stdout, self._process.stderr
        self._rest = b""
        self.figures: Mapping[str, int] = {}
        self.say({"do": "assignment", "assignment": assignment.as_json()})

    def fileno(self) -> int:
        return self._out.fileno()

    def say(self, order: Mapping[str, Any]) -> None:
        try:
            self._in.write(orjson.dumps(order) + b"\n")
            self._in.flush()
        except BrokenPipeError:
            pass  # it has died; reading tells

    def hear(self) -> list[dict[str, Any]]:
        """The lines that have come; raises Failure if it has died."""
        received = os.read(self._out.fileno(), 1 << 20)
        if not received:
            code = self._process.wait(_FAREWELL)
            words = self._err.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Failure(f"generator {self.number} died with exit code {code}: {words or 'it said nothing'}")
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [orjson.loads(line) for line in lines]

    def end(self) -> None:
        """Have it disconnect its sessions, and wait."""
        self.say({"do": "end"})

    def wait(self, until: float) -> None:
        """Read on, or it could not write its last lines; kill it if it takes too long."""
        while time.monotonic() < until:
            ready, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
            if not ready or not os.read(self._out.fileno(), 1 << 20):
                break
        if self._process.poll() is None:
            try:
                self._process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._in, self._out, self._err):
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # it died with an order unread


@contextmanager
def _started(assignments: Sequence[Assignment]) -> Iterator[list[_Child]]:
    """The generators, running; whatever happens, they disconnect their sessions and end."""
    children: list[_Child] = []
    try:
        for assignment in assignments:
            children.append(_Child(assignment))  # noqa: PERF401 - those started are ended, if the next one is not
        yield children
    finally:
        for child in children:
            child.end()
        until = time.monotonic() + _FAREWELL
        for child in children:
            child.wait(until)


class Ensemble:
    """All generators as one: an order to all, the answers of all."""

    def __init__(self, children: Sequence[_Child], progress: Callable[[Progress], None]) -> None:
        self._children = children
        self._progress = progress
        self._last: tuple[float, int] = (time.monotonic(), 0)

    def order(
        self,
        do: str,
        patience: float,
        phase: str,
        *,
        done: Callable[[Mapping[str, float]], float] = lambda figures: 0.0,
        **details: Any,
    ) -> list[dict[str, Any]]:
        """Their answers, in their order.

        Raises Failure if one of them has died, cannot go on, or has not answered in ``patience`` seconds.
        """
        for child in self._children:
            child.say({"do": do, **details})
        answers: dict[_Child, dict[str, Any]] = {}
        until = time.monotonic() + patience
        while len(answers) < len(self._children):
            waiting = [child for child in self._children if child not in answers]
            ready, _, _ = select.select(waiting, [], [], max(0.0, until - time.monotonic()))
            if not ready:
                numbers = ", ".join(str(child.number) for child in waiting)
                raise Failure(
                    f"{phase}: generator {numbers} did not answer in {patience:.0f} s; is this machine overloaded?"
                )
            for child in ready:
                for line in child.hear():
                    if "stopped" in line:
                        raise Failure(told(f"{phase}: {line['stopped']}", line["errors"]), ExitCode.UNAVAILABLE)
                    if "done" in line:
                        answers[child] = line
                    else:
                        child.figures = line
            self._tell(phase, done)
        self._tell(phase, lambda figures: 1.0)
        return [answers[child] for child in self._children]

    def rest(self, phase: str, seconds: float) -> None:
        """Let them idle."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            ready, _, _ = select.select(self._children, [], [], seconds - passed)
            for child in ready:
                for line in child.hear():
                    if "sessions" in line:
                        child.figures = line
            self._tell(phase, lambda figures: (time.monotonic() - begun) / seconds)

    def _tell(self, phase: str, done: Callable[[Mapping[str, float]], float]) -> None:
        names = ("sessions", "published", "delivered", "errors")
        figures: dict[str, float] = {
            name: sum(child.figures.get(name, 0) for child in self._children) for name in names
        }
        now, delivered = time.monotonic(), int(figures["delivered"])
        before, delivered_before = self._last
        figures["delivered_per_second"] = max(0.0, (delivered - delivered_before) / max(now - before, 0.01))
        if now - before > 1:
            self._last = now, delivered
        self._progress(Progress(phase, min(1.0, max(0.0, done(figures))), figures))


# Before the start ------------------------------------------------------------------------------


def _address(target: Target) -> tuple[int, tuple[str | int, ...]]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failure(f"{target.host} cannot be found: {error.strerror}", ExitCode.UNAVAILABLE) from None
    words = ""
    # A name like localhost has an address of each family; the server may listen to one of them.
    for family, kind, protocol, _, sockaddr in found:
        with socket.socket(family, kind, protocol) as sock:
            sock.settimeout(5)
            try:
                sock.connect(sockaddr)
            except OSError as error:
                words = (error.strerror or str(error)).lower()
                continue
            return int(family), (str(sockaddr[0]), *map(int, sockaddr[1:]))
    raise Failure(f"{target.url}: {words}; is the server running, and is the URL right?", ExitCode.UNAVAILABLE)


def _check_room(workload: Workload, target: Target) -> None:
    """Raises Failure if the sessions need more ports or descriptors than there are."""
    sockets = sessions_of(workload) * (2 if workload.transport == "long-polling" else 1)
    ports = _local_ports()
    if ports is not None and sockets > ports:
        raise Failure(
            f"{sockets} connections to {target.authority} need as many local ports, and there are {ports}: "
            "widen net.ipv4.ip_local_port_range, or take fewer sessions"
        )
    needed = -(-sockets // workload.generators) + _SPARE_DESCRIPTORS
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and needed > most:
        generators = -(-sockets // max(1, most - _SPARE_DESCRIPTORS))
        raise Failure(
            f"{sockets} connections need {needed} descriptors in each of {workload.generators} generators, and the "
            f"limit is {most}: take {generators} generators, or raise it with ulimit -Hn"
        )


def _local_ports() -> int | None:
    """How many there are for connections to one address; None where that is not told."""
    try:
        low, high = map(int, _PORTS.read_text("ascii").split())
    except OSError:
        return None
    return high - low + 1
