"""Who does what: the sessions, channels and streams of a workload, dealt out to its generators.

Each generator makes its own share from the workload and its number alone, so that nothing has to be told but these.
Names are ``/bench/<run>/…``, fresh for each run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.bench.churn import Churn
from gateway.bench.loop import Loop
from gateway.bench.marks import padding
from gateway.bench.part import Found, Idle, Pace, Part
from gateway.bench.publishing import Publishing, Stream
from gateway.bench.session import Manners, Session
from gateway.bench.workload import Workload

_A_SESSION = 100  # silent channels or patterns; servers bound the subscriptions of a session, ours at 256
_KIND = 10**12  # apart from one another: the streams of different kinds in a mix
_GENERATOR = 10**9  # and the churning sessions of different generators


@dataclass(frozen=True, slots=True)
class Seat:
    """Which of the generators this is."""

    number: int
    of: int

    def share(self, total: int) -> range:
        """Its stretch of so many things; the stretches of all together are all of them, each once."""
        return range(total * self.number // self.of, total * (self.number + 1) // self.of)


class Plan:
    """One generator's part of a run.

    Args:
        dress: gives a session its carrier.
    """

    def __init__(
        self, workload: Workload, run: str, seat: Seat, manners: Manners, loop: Loop, dress: Callable[[Session], None]
    ) -> None:
        self.found = Found()
        self._workload = workload
        self._run = run
        self._seat = seat
        self._manners = manners
        self._loop = loop
        self._dress = dress
        self._fill = padding(workload.size, workload.seed)
        self.idle: Part = self._idle()
        """There before the sessions that count."""
        self.parts: list[Part] = self._parts()

    def _parts(self) -> list[Part]:
        workload = self._workload
        if workload.kind == "mix":
            share = workload.sessions // 8
            rate = None if workload.rate is None else workload.rate / 4
            publishes = None if workload.publishes is None else max(1, workload.publishes // 4)
            window = max(1, workload.window // 4)
            each = replace(workload, kind="fanout", rate=rate, window=window, publishes=publishes)
            return [
                self._fanout(replace(each, sessions=workload.sessions // 2), 0),
                self._pairs(replace(each, kind="p2p", sessions=2 * share, channels=1), 1),
                self._pairs(replace(each, kind="rtt", sessions=share, channels=1), 2),
                self._churn(replace(each, kind="churn", sessions=share, channels=1), 3),
            ]
        if workload.kind == "fanout":
            return [self._fanout(workload, 0)]
        if workload.kind in ("p2p", "rtt"):
            return [self._pairs(workload, 0)]
        if workload.kind == "churn":
            return [self._churn(workload, 0)]
        part = Idle(self._loop, self.found)
        part.sessions = [
            self._session(i, (f"connect/{i}", *self._silent("connect", i)), part)
            for i in self._seat.share(workload.sessions)
        ]
        return [part]

    # Parts -------------------------------------------------------------------------------------

    def _fanout(self, workload: Workload, kind: int) -> Publishing:
        channels, base = workload.channels, kind * _KIND
        publishers = self._seat.share(workload.publishers)
        part = Publishing(
            self._loop,
            self.found,
            self._run,
            self._fill,
            self._pace(workload, publishers, workload.publishers),
            key_of=lambda stream: (stream - base) % channels if 0 <= stream - base < _KIND else -1,
            # A publisher hears nothing.
            key_heard=lambda session: session.index % channels if session.index < workload.sessions else -2,
        )
        part.listeners = [
            self._session(i, (f"fanout/{i % channels}", *self._silent("fanout", i)), part)
            for i in self._seat.share(workload.sessions)
        ]
        heard = [0] * channels
        for session in part.listeners:
            heard[session.index % channels] += 1
        senders = {i: self._session(workload.sessions + i, (), part) for i in publishers}
        part.streams = [
            Stream(base + i * channels + channel, senders[i], self._name(f"fanout/{channel}"), heard[channel])
            for channel in range(channels)
            for i in publishers
        ]
        part.sessions = [*part.listeners, *senders.values()]
        return part

    def _pairs(self, workload: Workload, kind: int) -> Publishing:
        """Each session hears the channel of the one before it in a ring, or its own."""
        mine, base, name = self._seat.share(workload.sessions), kind * _KIND, workload.kind
        is_own = name == "rtt"

        def heard_by(i: int) -> int:
            return i if is_own else mine[(i - mine.start - 1) % len(mine)]

        if is_own and workload.rate is None:
            workload = replace(workload, window=workload.sessions)  # one in flight each
        part = Publishing(
            self._loop,
            self.found,
            self._run,
            self._fill,
            self._pace(workload, mine, workload.sessions),
            key_of=lambda stream: stream - base,
            key_heard=lambda session: heard_by(session.index),
        )
        part.echoes = is_own
        part.sessions = part.listeners = [
            self._session(i, (f"{name}/{heard_by(i)}", *self._silent(name, i)), part) for i in mine
        ]
        part.streams = [
            Stream(base + session.index, session, self._name(f"{name}/{session.index}"), 1) for session in part.sessions
        ]
        return part

    def _churn(self, workload: Workload, kind: int) -> Churn:
        mine, first = self._seat.share(workload.sessions), kind * _KIND + self._seat.number * _GENERATOR

        def born(part: Churn, number: int) -> Session:
            i = first + number
            return self._session(i, (f"churn/{i}", *self._silent("churn", i)), part)

        pace = self._pace(replace(workload, window=workload.sessions), mine, workload.sessions)
        return Churn(self._loop, self.found, self._run, self._fill, pace, born)

    def _idle(self) -> Idle:
        """Sessions for the silent channels and the patterns, in every generator some."""
        part, workload = Idle(self._loop, self.found), self._workload
        silent = [f"silent/{i}" for i in self._seat.share(workload.silent_channels)]
        patterns = [f"wild/{i}/*{'*' * (i % 2)}" for i in self._seat.share(workload.wildcards)]
        names = silent + patterns
        part.sessions = [
            self._session(i, tuple(names[start : start + _A_SESSION]), part)
            for i, start in enumerate(range(0, len(names), _A_SESSION))
        ]
        return part

    # What they are made of -----------------------------------------------------------------------

    def _session(self, index: int, names: tuple[str, ...], part: Part) -> Session:
        session = Session(index, tuple(map(self._name, names)), self._manners, part)
        self._dress(session)
        return session

    def _name(self, name: str) -> str:
        return f"/bench/{self._run}/{name}"

    def _silent(self, kind: str, index: int) -> tuple[str, ...]:
        """The subscriptions of a session beyond the first."""
        return tuple(f"{kind}-silent/{index}/{each}" for each in range(1, self._workload.subscriptions))

    def _pace(self, workload: Workload, mine: range, total: int) -> Pace:
        """The share of the window and of the rate that ``mine`` of so many publishers have."""

        def dealt(whole: int) -> int:
            return whole * mine.stop // total - whole * mine.start // total

        return Pace(
            dealt(workload.window),
            None if workload.rate is None else workload.rate * len(mine) / total,
            None if workload.publishes is None else dealt(workload.publishes),
        )


def sessions_of(workload: Workload) -> int:
    """How many sessions there are at once, in all generators."""
    seats = [Seat(number, workload.generators) for number in range(workload.generators)]
    silent = (len(seat.share(workload.silent_channels)) + len(seat.share(workload.wildcards)) for seat in seats)
    publishers = workload.publishers if workload.kind in ("fanout", "mix") else 0
    return workload.sessions + publishers + sum(-(-names // _A_SESSION) for names in silent)
