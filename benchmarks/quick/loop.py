"""An event loop whose time stands still and that counts what it is asked to make.

Owns nothing of the server: it is the loop that the server runs on, driven a turn at a time, so that what a
round of messages does is the same on every machine and in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, TypeVarTuple

Arguments = TypeVarTuple("Arguments")

NOW: Callable[[], float] = (1000.0).conjugate
"""The time in seconds, for loop and server: written in C as the real clock is, so asking costs one call in C."""


@dataclass(slots=True)
class Made:
    """What a loop was asked to make so far."""

    tasks: int = 0
    futures: int = 0
    timers: int = 0


class CountedLoop(asyncio.SelectorEventLoop):
    """Counts tasks, futures and timers; no timer ever comes due."""

    time = staticmethod(NOW)

    def __init__(self) -> None:
        super().__init__()
        self.made: Made = Made()

    def create_task(self, *args: Any, **options: Any) -> asyncio.Task[Any]:
        """asyncio: a task."""
        self.made.tasks += 1
        return super().create_task(*args, **options)

    def create_future(self) -> asyncio.Future[Any]:
        """asyncio: a future."""
        self.made.futures += 1
        return super().create_future()

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """asyncio: a timer, also for ``call_later``."""
        self.made.timers += 1
        return super().call_at(when, callback, *args, context=context)

    def turn(self) -> None:
        """Do what is due, once."""
        super().call_soon(self.stop)
        self.run_forever()
