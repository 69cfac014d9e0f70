"""A part of a workload in one generator: some sessions, who publishes when, and who must hear it.

``Idle`` is sessions that only are there; ``publishing`` and ``churn`` are the others. Each owns its sessions and is
told what happens to them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.bench.hearing import Published, Tally
from gateway.bench.latencies import Latencies
from gateway.bench.loop import Loop
from gateway.bench.marks import Content
from gateway.bench.session import Session

HOPELESS = 100
"""So many failures without one success, and the run ends."""
_MAX_TEXTS = 50


class Found:
    """What a generator has found so far; all its parts write into it."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.latencies = Latencies(time.monotonic_ns())
        self.errors: Counter[str] = Counter()
        self.published = 0
        """In this phase."""
        self.arrived_before = 0
        """Before this phase."""
        self.last_arrival = 0
        self.latest_publish = 0
        """By how many nanoseconds the latest publish of an open loop was late."""

    def begin(self, now: int) -> None:
        """A phase begins whose figures count."""
        self.latencies = Latencies(now)
        self.published, self.latest_publish, self.last_arrival = 0, 0, now
        self.arrived_before = self.tally.arrived

    @property
    def delivered(self) -> int:
        """In this phase."""
        return self.tally.arrived - self.arrived_before

    def trouble(self, words: str) -> None:
        """Count an error by its words; of very many different ones only how many."""
        known = words in self.errors or len(self.errors) < _MAX_TEXTS
        self.errors[words if known else "others"] += 1


@dataclass(frozen=True, slots=True)
class Pace:
    """How publishes follow one another in one generator."""

    window: int
    """In flight; 0 = this generator has no share in a smaller window."""
    rate: float | None
    """A second; then the window does not matter."""
    limit: int | None
    """So many are measured, if they end before the time."""


class Part:
    """What all have in common: sessions whose beginnings and endings somebody waits for."""

    is_transient = False
    """Its sessions come and go while it publishes; nobody sets them up before."""

    def __init__(self, loop: Loop, found: Found) -> None:
        self.loop = loop
        self.found = found
        self.sessions: Sequence[Session] = ()
        self.on_ready: Callable[[Session], None] = lambda session: None
        self.on_ended: Callable[[Session], None] = lambda session: None

    def hear(self, session: Session, content: Content) -> None:
        """See ``Owner``: nothing was to be heard."""
        self.found.tally.stray += len(content.marks)

    def ready(self, session: Session) -> None:
        """See ``Owner``."""
        self.on_ready(session)

    def answered(self, session: Session, id: str, refusal: str | None) -> None:
        """See ``Owner``."""
        if refusal is not None:
            self.found.trouble(refusal)

    def troubled(self, session: Session, words: str) -> None:
        """See ``Owner``."""
        self.found.trouble(words)

    def ended(self, session: Session, words: str | None) -> None:
        """See ``Owner``."""
        if words is not None:
            self.found.trouble(words)
        self.on_ended(session)

    def wake_later(self, session: Session, seconds: float) -> None:
        """See ``Owner``."""
        self.loop.call_at(time.monotonic() + seconds, session.wake)

    # What a part that does something does ------------------------------------------------------

    def begin(self, at: int, until: int, *, counts: bool) -> None:
        """Publish from one time to another, in nanoseconds; what counts is bounded in number too."""

    def stop(self) -> None:
        """Publish no more, at once."""

    def present(self) -> Sequence[Session]:
        """Its sessions at this moment."""
        return self.sessions

    def is_done(self, now: int) -> bool:
        """No more publish will begin in this phase."""
        return True

    def published(self) -> Mapping[int, Published]:
        """What other generators' sessions must hear of this one."""
        return {}

    def expected(self, published: Mapping[int, Published]) -> int:
        """How many events its sessions must hear from the beginning, of all that generators published."""
        return 0

    def lost(self, published: Mapping[int, Published]) -> int:
        """How many of them they did not."""
        return 0


class Idle(Part):
    """Sessions that subscribe and hear nothing."""
