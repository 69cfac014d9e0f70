"""A thread that works on one connection to a database, so that the event loop never waits for a disk.

What was asked for while a transaction ran shares the next one: the disk is waited for once for all of it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from bayeux.protocol import errors
from gateway.store.database import connect

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_WAITING: Final = 10_000
"""Requests that wait; with a disk that takes 10 ms, 256 in a group, that is half a second's work."""
MOST_TOGETHER: Final = 256
"""Requests that share a transaction, so that the first of them does not wait long for the last."""


class DatabaseUnavailable(errors.Unavailable):
    """The file cannot be read or written at present.

    Args:
        why: problem, place, next step; for logs and operators.
    """

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why


@dataclass(slots=True)
class _Request:
    work: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    answer: asyncio.Future[Any] = field(init=False)
    outcome: Any = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.answer = self.loop.create_future()

    def finish(self) -> None:
        """On the loop."""
        if self.answer.done():
            return  # whoever asked has gone
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.outcome)


class DatabaseThread:
    """Use: ``start``, then ``ask``; ``stop`` at the end, which does first what was asked for before.

    Args:
        path: prepared.
        begin: how its transactions begin: ``BEGIN`` for one that only reads, ``BEGIN IMMEDIATE`` for one that writes.
    """

    def __init__(self, path: Path, begin: str) -> None:
        self._path = path
        self._begin = begin
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"store: {begin} in {path.name}", daemon=True)
        self._connection: sqlite3.Connection
        self._is_open = False
        self._is_failing = False

    def start(self) -> None:
        """Raises sqlite3.Error."""
        self._connection = connect(self._path)
        self._is_open = True
        self._thread.start()

    async def stop(self) -> None:
        """Returns when the connection is closed; whoever asks after that is refused."""
        if self._is_open:
            self._is_open = False
            self._requests.put(None)
            await asyncio.to_thread(self._thread.join)

    async def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do this inside a transaction; what it gives when that is committed, or raises.

        What raises leaves nothing behind, and the others of its transaction alone.

        Raises DatabaseUnavailable.
        """
        if not self._is_open:
            raise DatabaseUnavailable(f"{self._path} is closed: this node is stopping")
        if self._requests.qsize() >= MOST_WAITING:
            raise DatabaseUnavailable(
                f"{self._path} is too slow: {MOST_WAITING} requests wait; is its disk overloaded?"
            )
        request = _Request(work)
        self._requests.put(request)
        outcome: T = await request.answer
        return outcome

    # In the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group, is_last = self._next_group()
            self._perform(group)
            for loop in {request.loop for request in group}:
                _tell(loop, [request for request in group if request.loop is loop])
        self._connection.close()

    def _next_group(self) -> tuple[list[_Request], bool]:
        """What waits, at least one; and whether nothing comes after it."""
        group: list[_Request] = []
        request = self._requests.get()
        while request is not None:
            group.append(request)
            if len(group) == MOST_TOGETHER:
                return group, False
            try:
                request = self._requests.get_nowait()
            except Empty:
                return group, False
        return group, True

    def _perform(self, group: Sequence[_Request]) -> None:
        database = self._connection
        try:
            database.execute(self._begin)
            for request in group:
                self._attempt(request)
            database.execute("COMMIT")
        except sqlite3.Error as error:
            why = f"{self._path} {_trouble(error)}"
            for request in group:
                request.error = DatabaseUnavailable(why)
            self._give_up()
            if not self._is_failing:
                self._is_failing = True
                log.error("%s; what is asked of the store is refused until then", why, extra={"event": "store_failing"})
        else:
            if self._is_failing:
                self._is_failing = False
                log.info("%s works again", self._path, extra={"event": "store_works"})

    def _attempt(self, request: _Request) -> None:
        """One of a group. Raises sqlite3.Error for what befalls the database, hence all of them."""
        database = self._connection
        database.execute("SAVEPOINT request")
        try:
            request.outcome = request.work(database)
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            request.error = error
            database.execute("ROLLBACK TO request")
        database.execute("RELEASE request")

    def _give_up(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.debug("after that it cannot roll back, either: %s", error)


def _tell(loop: asyncio.AbstractEventLoop, group: Sequence[_Request]) -> None:
    def finish() -> None:
        for request in group:
            request.finish()

    try:
        loop.call_soon_threadsafe(finish)
    except RuntimeError:
        log.debug("a loop is closed that waited for the store")


def _trouble(error: sqlite3.Error) -> str:
    """What is wrong, and the next step; a file's name goes before."""
    match error.sqlite_errorname.split("_")[1] if hasattr(error, "sqlite_errorname") else "":
        case "FULL":
            return "cannot grow: the disk is full; free some space, then work goes on by itself"
        case "READONLY" | "PERM":
            return f"cannot be written ({error}): is the file system mounted read-only, or owned by another user?"
        case "BUSY" | "LOCKED":
            return "is being written by another process for too long: does a second gateway use this data_dir?"
        case "CORRUPT" | "NOTADB":
            return f"is damaged ({error}): stop, and restore it from a backup; see docs/howto/backup.md"
        case _:
            return f"cannot be used ({error}): check its disk"
