"""One generator: a process that does its share of a load test, phase by phase, as the conductor tells it.

Started as ``python -m gateway.bench.generator``. Orders come as JSON lines on standard input, the first of them the
assignment; each is answered by one line on standard output, with lines about its progress before. The end of standard
input, or the order to end, disconnects all sessions and ends the process. Ctrl-C is the conductor's affair.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import os
import resource
import select
import signal
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from gateway.bench.hearing import Published
from gateway.bench.loop import Address, Loop, Stopped
from gateway.bench.marks import Reader
from gateway.bench.plan import Plan, Seat
from gateway.bench.polling import PollingCarrier
from gateway.bench.session import Manners, Session, State
from gateway.bench.target import Door, Target
from gateway.bench.websocket import WebSocketCarrier, upgrade_request
from gateway.bench.workload import Workload

_SECOND = 1_000_000_000
_REPORT_EVERY = 0.25  # seconds
_FAREWELL = 10.0  # seconds for all disconnects, when the run is broken off
_LEAVING_AT_ONCE = 200
_HOPELESS = 20  # sessions that could not be set up, and none that could


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a generator must know of the run."""

    workload: Workload
    doors: tuple[Door, ...]
    """Session i comes in by the i-th, round again."""
    polls_go_on: int = 0
    """So many doors further than the session its held connects go."""
    run: str
    number: int
    of: int
    log_in: tuple[Mapping[str, Any], ...] = ()
    cpu: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse."""
        more = dict(fields)
        more["workload"] = Workload.from_json(more["workload"])
        more["doors"], more["log_in"] = tuple(map(Door.from_json, more["doors"])), tuple(more["log_in"])
        return cls(**more)


@dataclass(frozen=True, slots=True)
class _Entrance:
    """A door as sessions use it."""

    target: Target
    address: Address
    upgrade: bytes

    @classmethod
    def of(cls, door: Door) -> Self:
        target = door.target
        context = ssl.create_default_context() if target.tls else None
        address = Address(socket.AddressFamily(door.family), door.sockaddr, target.host, context)
        return cls(target, address, upgrade_request(target.authority, target.path))


class Told(Exception):
    """The conductor ends the run."""


class Orders:
    """Lines between the conductor and this process."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._orders: deque[dict[str, Any]] = deque()
        self._rest = b""
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self.is_over = False
        loop.watch(self._in, select.EPOLLIN, self._read)

    def next(self) -> dict[str, Any]:
        """Wait for the next order; raises Told at the end."""
        self._loop.run(lambda: bool(self._orders) or self.is_over)
        if self.is_over:
            raise Told
        return self._orders.popleft()

    def tell(self, line: Mapping[str, Any]) -> None:
        """Send one line."""
        rest = memoryview(orjson.dumps(line) + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._out, rest) :]
        except BrokenPipeError:
            self.is_over = True

    def _read(self, events: int) -> None:
        received = os.read(self._in, 1 << 20)
        if not received:
            self.is_over = True
            self._loop.forget_descriptor(self._in)
            return
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            order = orjson.loads(line)
            if order["do"] == "end":
                self.is_over = True
            self._orders.append(order)


class Crew:
    """Opens sessions, so many at once, until all are there or have given up."""

    def __init__(self, sessions: Iterable[Session], at_once: int) -> None:
        self._sessions = iter(sessions)
        self._at_once = at_once
        self._opening: set[Session] = set()
        self._is_filling = False
        self.reached = 0
        self.failed = 0
        self.begun_at = self.ended_at = time.monotonic_ns()
        self.is_done = False

    def begin(self) -> None:
        """Open the first ones."""
        self._fill()

    def ready(self, session: Session) -> None:
        """One of them is there."""
        if session in self._opening:
            self._opening.discard(session)
            self.reached += 1
            self._fill()

    def ended(self, session: Session) -> None:
        """One of them has given up."""
        if session in self._opening:
            self._opening.discard(session)
            self.failed += 1
            if self.failed >= _HOPELESS and not self.reached:
                raise Stopped("no session could be set up")
            self._fill()

    def _fill(self) -> None:
        while len(self._opening) < self._at_once:
            session = next(self._sessions, None)
            if session is None:
                break
            self._opening.add(session)
            session.open()
        if not self._opening and not self.is_done:
            self.is_done = True
            self.ended_at = time.monotonic_ns()


class Generator:
    """Does what it is ordered, for one run."""

    def __init__(self, assignment: Assignment, loop: Loop, orders: Orders) -> None:
        self._assignment = assignment
        self._loop = loop
        self._orders = orders
        workload = assignment.workload
        self._reader = Reader(assignment.run, remembers=workload.kind in ("fanout", "mix"))
        self._entrances = [_Entrance.of(door) for door in assignment.doors]
        seat = Seat(assignment.number, assignment.of)
        manners = Manners(workload.transport, workload.ack, assignment.log_in)
        self._plan = Plan(workload, assignment.run, seat, manners, loop, self._dress)
        self._reached = 0
        self._crew: Crew | None = None
        self._published: Mapping[int, Published] = {}
        self._begun_at = 0
        self._cpu_before = 0.0
        self._cpu = 0.0
        """Of the last phase that counts."""

    def run(self) -> None:
        """Until there are no more orders."""
        self._report_progress()
        orders: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "prepare": lambda order: self._set_up([self._plan.idle], order["seconds"]),
            "set up": lambda order: self._set_up(self._plan.parts, order["seconds"]),
            "publish": self._publish,
            "await": self._await,
            "report": self._report,
            "disconnect": self._disconnect,
        }
        try:
            while True:
                order = self._orders.next()
                self._orders.tell({"done": order["do"], **orders[order["do"]](order)})
        except Stopped as stopped:
            self._orders.tell({"stopped": str(stopped), "errors": dict(self._plan.found.errors)})
            self._leave(_FAREWELL)
        except Told:
            self._leave(_FAREWELL)

    # Orders ------------------------------------------------------------------------------------

    def _set_up(self, parts: Iterable[Any], seconds: float) -> dict[str, Any]:
        workload = self._assignment.workload
        crew = Crew(
            (session for part in parts if not part.is_transient for session in part.sessions),
            math.ceil(workload.concurrency / workload.generators),
        )
        for part in parts:
            if not part.is_transient:
                part.on_ready, part.on_ended = crew.ready, crew.ended
        self._crew = crew
        cpu_before = time.process_time()
        crew.begin()
        is_whole = self._run(lambda: crew.is_done, seconds)
        self._reached += crew.reached
        self._crew = None
        self._cpu = time.process_time() - cpu_before
        gc.collect()
        gc.freeze()
        # A session of churn and its connections point at each other; nothing else here makes cycles.
        (gc.enable if workload.kind in ("churn", "mix") else gc.disable)()
        return {
            "reached": crew.reached,
            "failed": crew.failed,
            "is_whole": is_whole,
            "begun_at": crew.begun_at,
            "ended_at": crew.ended_at,
            "errors": dict(self._plan.found.errors),
        }

    def _publish(self, order: dict[str, Any]) -> dict[str, Any]:
        at, until = order["at"], order["at"] + int(order["seconds"] * _SECOND)
        found, parts = self._plan.found, self._plan.parts
        if order["counts"]:
            found.begin(at)
            self._begun_at, self._cpu_before = at, time.process_time()
        for part in parts:
            part.begin(at, until, counts=order["counts"])
        is_done = self._run(lambda: all(part.is_done(time.monotonic_ns()) for part in parts), order["bound"])
        if not is_done:
            found.trouble("not every publish could be begun in its time")
            for part in parts:
                part.stop()
        published = {stream: each for part in parts for stream, each in part.published().items()}
        return {
            "is_whole": is_done,
            "streams": [[stream, each.count, list(each.refused)] for stream, each in published.items()],
        }

    def _await(self, order: dict[str, Any]) -> dict[str, Any]:
        self._published = {stream: Published(count, frozenset(refused)) for stream, count, refused in order["streams"]}
        found, parts = self._plan.found, self._plan.parts
        expected = sum(part.expected(self._published) for part in parts)
        is_whole = self._run(lambda: found.tally.arrived >= expected, order["seconds"])
        self._cpu = time.process_time() - self._cpu_before
        return {"is_whole": is_whole, "last_arrival": found.last_arrival, "delivered": found.delivered}

    def _report(self, order: dict[str, Any]) -> dict[str, Any]:
        found, parts = self._plan.found, self._plan.parts
        return {
            "published": found.published,
            "delivered": found.delivered,
            "expected": sum(part.expected(self._published) for part in parts),
            "lost": sum(part.lost(self._published) for part in parts),
            **dataclasses.asdict(found.tally),
            "errors": dict(found.errors),
            "latencies": found.latencies.as_json(),
            "latest_publish": found.latest_publish,
            "cpu": self._cpu,
        }

    def _disconnect(self, order: dict[str, Any]) -> dict[str, Any]:
        return {"is_whole": self._leave(order["seconds"])}

    # -------------------------------------------------------------------------------------------

    def _leave(self, seconds: float) -> bool:
        parts = [self._plan.idle, *self._plan.parts]
        leaving: set[Session] = set()
        here = deque(session for part in parts for session in part.present())

        def fill(gone: Session | None = None) -> None:
            if gone is not None:
                leaving.discard(gone)
            while here and len(leaving) < _LEAVING_AT_ONCE:
                session = here.popleft()
                if session.state not in (State.NEW, State.ENDED):
                    leaving.add(session)
                    session.leave()

        for part in parts:
            part.stop()
            part.on_ready, part.on_ended = lambda session: None, fill
        fill()
        until = time.monotonic() + seconds
        self._loop.run(lambda: not (leaving or here) or time.monotonic() >= until)
        return not (leaving or here)

    def _run(self, is_done: Callable[[], bool], seconds: float) -> bool:
        """Whether it was done within the time; raises Told."""
        until = time.monotonic() + seconds
        self._loop.run(lambda: is_done() or self._orders.is_over or time.monotonic() >= until)
        if self._orders.is_over:
            raise Told
        return is_done()

    def _dress(self, session: Session) -> None:
        doors, number = self._entrances, session.index
        door = doors[number % len(doors)]
        if self._assignment.workload.transport == "websocket":
            session.carrier = WebSocketCarrier(self._loop, door.address, door.upgrade, self._reader, session)
        else:
            polls = doors[(number + self._assignment.polls_go_on) % len(doors)]
            target = door.target
            session.carrier = PollingCarrier(
                self._loop, door.address, target.authority, target.path, self._reader, session, polls=polls.address
            )

    def _report_progress(self) -> None:
        found = self._plan.found
        self._orders.tell(
            {
                "sessions": self._reached + (self._crew.reached if self._crew else 0),
                "published": found.published,
                "delivered": found.delivered,
                "errors": found.errors.total(),
            }
        )
        self._loop.call_at(time.monotonic() + _REPORT_EVERY, self._report_progress)


def main() -> None:
    """A whole run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = Loop()
    orders = Orders(loop)
    try:
        assignment = Assignment.from_json(orders.next()["assignment"])
    except Told:
        return
    if assignment.cpu is not None:
        os.sched_setaffinity(0, {assignment.cpu})
    Generator(assignment, loop, orders).run()


if __name__ == "__main__":
    main()
