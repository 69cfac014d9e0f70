"""Which connections of a door have something to read, or room to write again.

Owns the one epoll of a door, which the event loop watches in place of all its sockets. Knows nothing
of bytes: a carrier is told that it may go on, and does so.

Cost model: a connection at rest is a place in a list. The loop would keep a handle, a context and a
selector key for each, about 400 bytes (docs/decisions/one-epoll-a-door).
"""

from __future__ import annotations

import asyncio
import logging
import select
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol

log: logging.Logger = logging.getLogger(__name__)

READ, WRITE = 0x1, 0x4
"""What to watch for, as epoll has it."""

READ_SIZE = 64 * 1024  # asyncio's own 256 KiB cost 16 microseconds of memory mapping a read
EVENTS_A_TURN = 256  # a flood of input must not keep timers and others of the loop waiting


class Watcher(Protocol):
    """Who waits for a socket."""

    def ready(self, events: int) -> None:
        """Read, write or both are possible; an error or the end of the peer come too, and reading or writing tells."""

    def abort(self) -> None:
        """It failed: this is its end."""


class Readiness(ABC):
    """Tells watchers when their sockets are ready; make it on the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.buffer: memoryview = memoryview(bytearray(READ_SIZE))
        """Where all read into: what was read is copied out of it before anything else is read."""
        self.call_soon: Callable[..., asyncio.Handle] = self._loop.call_soon

    @abstractmethod
    def watch(self, descriptor: int, watcher: Watcher, events: int) -> None:
        """Watch for just these events from here on; 0 for none, before the descriptor is closed.

        Raises OSError where there is no room for one more.
        """

    @abstractmethod
    def close(self) -> None:
        """Watch nothing any more."""

    def _tell(self, watcher: Watcher, events: int) -> None:
        """Have it go on, in a context of its own: what a hook sets there is no affair of other connections."""
        try:
            copy_context().run(watcher.ready, events)
        except Exception:  # the fault of one must not stop all others
            log.exception("a connection failed")
            watcher.abort()


class EpollReadiness(Readiness):
    """By an epoll of our own."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._watchers: list[Watcher | None] = []  # by descriptor: the system gives the lowest that is free
        self._loop.add_reader(self._epoll.fileno(), self._tell_all)

    def watch(self, descriptor: int, watcher: Watcher, events: int) -> None:
        """See Readiness."""
        watchers = self._watchers
        if descriptor >= len(watchers):
            watchers.extend([None] * (descriptor + 1 - len(watchers)))
        if watchers[descriptor] is not watcher:  # or the number of one that was closed without a word
            if events:
                self._epoll.register(descriptor, events)
                watchers[descriptor] = watcher
        elif events:
            self._epoll.modify(descriptor, events)
        else:  # not a mask of 0: the end of the connection would be told without end
            watchers[descriptor] = None
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """See Readiness."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _tell_all(self) -> None:
        for descriptor, events in self._epoll.poll(0, EVENTS_A_TURN):
            watcher = self._watchers[descriptor]
            if watcher is not None:  # one before it may have ended it
                self._tell(watcher, events)


class LoopReadiness(Readiness):
    """By the event loop itself, on systems without epoll."""

    def watch(self, descriptor: int, watcher: Watcher, events: int) -> None:
        """See Readiness."""
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        if events & READ:
            self._loop.add_reader(descriptor, self._tell, watcher, READ)
        if events & WRITE:
            self._loop.add_writer(descriptor, self._tell, watcher, WRITE)

    def close(self) -> None:
        """See Readiness: every watcher stopped by itself."""


def readiness() -> Readiness:
    """The best that this system has."""
    return EpollReadiness() if hasattr(select, "epoll") else LoopReadiness()
