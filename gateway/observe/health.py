"""May this gateway live, and may it get traffic?

Source: OPS-51, OPS-61.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.observe.loop_lag import LoopLag

MAXIMUM_LAG = 1.0
_DEAD_LAG = 10.0


@dataclass(slots=True)
class _Check:
    """One answer, and since when it is the same."""

    name: str
    question: Callable[[], tuple[bool, str]]
    ok: bool
    since: float

    def ask(self, now: float) -> Mapping[str, Any]:
        ok, detail = self.question()
        if ok is not self.ok:
            self.ok, self.since = ok, now
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="milliseconds")
        return {"name": self.name, "ok": ok, "since": since, "detail": detail}


class Health:
    """Answers of ``/health/live``, ``/health/ready`` and ``/health/startup``.

    Args:
        lag: of the event loop.
        clock: wall time, seconds.
    """

    def __init__(self, lag: LoopLag, *, clock: Callable[[], float] = time.time) -> None:
        self.is_started = False
        """Set when the start is done."""
        self.is_draining = False
        """Set when the gateway begins to send its clients away."""
        self._lag = lag
        self._clock = clock
        now = clock()
        self._startup = [_Check("started", self._has_started, False, now)]
        self._live = [_Check("loop", lambda: self._keeps_up(_DEAD_LAG), True, now)]
        self._ready = [
            _Check("accepting", self._accepts, False, now),
            _Check("loop", lambda: self._keeps_up(MAXIMUM_LAG), True, now),
        ]

    def ready_also_if(self, name: str, question: Callable[[], tuple[bool, str]]) -> None:
        """Ask one thing more before saying ready; the question gives the answer and what is to be said about it."""
        self._ready.append(_Check(name, question, False, self._clock()))

    def ask(self, question: str) -> tuple[bool, Mapping[str, Any]]:
        """The answer to ``live``, ``ready`` or ``startup``, and the report."""
        return {"live": self.live, "ready": self.ready, "startup": self.startup}[question]()

    def startup(self) -> tuple[bool, Mapping[str, Any]]:
        """Is the start done? And the report."""
        return self._report(self._startup)

    def live(self) -> tuple[bool, Mapping[str, Any]]:
        """Is the process worth keeping? And the report."""
        return self._report(self._live)

    def ready(self) -> tuple[bool, Mapping[str, Any]]:
        """May it get new clients? And the report."""
        return self._report(self._ready)

    def _report(self, checks: list[_Check]) -> tuple[bool, Mapping[str, Any]]:
        now = self._clock()
        answers = [check.ask(now) for check in checks]
        ok = all(answer["ok"] for answer in answers)
        return ok, {"status": "ok" if ok else "unavailable", "checks": answers}

    def _has_started(self) -> tuple[bool, str]:
        return self.is_started, "started" if self.is_started else "starting"

    def _accepts(self) -> tuple[bool, str]:
        if self.is_draining:
            return False, "draining"
        return self._has_started()

    def _keeps_up(self, most: float) -> tuple[bool, str]:
        lag = self._lag.now
        return lag < most, f"{lag * 1000:.0f} ms late"
