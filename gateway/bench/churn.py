"""Sessions that come, hear one event of their own, and go."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from gateway.bench.hearing import Published
from gateway.bench.loop import Loop, Stopped
from gateway.bench.marks import Content, message_parts
from gateway.bench.part import HOPELESS, Found, Pace, Part
from gateway.bench.session import Session

_SECOND = 1_000_000_000
_LIFE = 15 * _SECOND  # of a session of churn; a server takes seconds to refuse some


class Churn(Part):
    """Sessions that come, hear one event of their own, and leave; latency counts from the beginning of a life.

    Args:
        born: makes the session with this number, which publishes to its only channel.
    """

    is_transient = True

    def __init__(
        self, loop: Loop, found: Found, run: str, fill: str, pace: Pace, born: Callable[[Churn, int], Session]
    ) -> None:
        super().__init__(loop, found)
        self._run = run
        self._fill = fill
        self.pace = pace
        self._born = born
        self._alive: dict[Session, int] = {}
        """With the intended times of their beginnings."""
        self._begin = self._until = self._phase_begun = 0
        self._begun = self._published = self._arrived = self._failed = 0
        self._left: int | None = None
        self._is_over = True

    def begin(self, at: int, until: int, *, counts: bool) -> None:
        """See ``Part``."""
        self._begin, self._until, self._phase_begun = at, until, 0
        self._left = self.pace.limit if counts else None
        self._is_over = self.pace.window == 0
        self.loop.call_at(at / _SECOND, self._go_on)
        self.loop.call_at(at / _SECOND, self._end_the_stuck)

    def is_done(self, now: int) -> bool:
        """See ``Part``."""
        if now >= self._until or self._left == 0:
            self._is_over = True
        return self._is_over and not self._alive

    def stop(self) -> None:
        """See ``Part``."""
        self._is_over = True

    def present(self) -> Sequence[Session]:
        """See ``Part``."""
        return tuple(self._alive)

    def _go_on(self) -> None:
        rate, now = self.pace.rate, time.monotonic_ns()
        self.is_done(now)
        while not self._is_over and len(self._alive) < self.pace.window:
            intended = now if rate is None else self._begin + int(self._phase_begun * _SECOND / rate)
            if intended > now:
                self.loop.call_at(intended / _SECOND, self._go_on)
                return
            self._phase_begun += 1
            if rate is not None:
                self.found.latest_publish = max(self.found.latest_publish, now - intended)
            self._begun += 1
            session = self._born(self, self._begun)
            self._alive[session] = intended
            session.open()
            if self._left is not None:
                self._left -= 1
                self.is_done(now)

    def _end_the_stuck(self) -> None:
        now = time.monotonic_ns()
        for session in [each for each, since in self._alive.items() if now - since > _LIFE]:
            self.found.trouble(f"a session of churn was not done after {_LIFE // _SECOND} s")
            session.leave()
        if self._alive or not self._is_over:
            self.loop.call_at(time.monotonic() + 1, self._end_the_stuck)

    def ready(self, session: Session) -> None:
        """See ``Owner``."""
        before, after = message_parts(self._run, session.index, session.channels[0], session.client_id, self._fill)
        self._published += 1
        self.found.published += 1
        session.publish(b'%b0 %d%b0"}]' % (before, self._alive[session], after))

    def hear(self, session: Session, content: Content) -> None:
        """See ``Owner``."""
        now, found = time.monotonic_ns(), self.found
        for stream, number, sent in content.marks:
            if stream != session.index:
                found.tally.stray += 1
            elif session.hearing.hear(stream, number, found.tally):
                found.last_arrival = now
                found.latencies.add(sent, now)
                self._arrived += 1
                session.leave()

    def answered(self, session: Session, id: str, refusal: str | None) -> None:
        """See ``Owner``."""
        super().answered(session, id, refusal)
        if refusal is not None:
            self._published -= 1
            self.found.published -= 1
            session.leave()

    def ended(self, session: Session, words: str | None) -> None:
        """See ``Owner``."""
        del self._alive[session]
        super().ended(session, words)
        if words is not None:
            self._failed += 1
            if self._failed > HOPELESS and not self._published:
                raise Stopped("no session could be set up")
        self._go_on()

    def expected(self, published: Mapping[int, Published]) -> int:
        """See ``Part``."""
        return self._published

    def lost(self, published: Mapping[int, Published]) -> int:
        """See ``Part``."""
        return self._published - self._arrived
