"""A thread that works on one connection to a database, so that the event loop never waits for a disk.

What was asked for while a transaction ran shares the next one: the disk is waited for once for all of it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

_OF_THE_DATABASE: Final = (sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError)
"""Not what is derived from them, such as IntegrityError: that is the fault of one request."""


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
    answer: asyncio.Future[Any]
    outcome: Any = None
    error: Exception | None = None

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
        self._loop: asyncio.AbstractEventLoop
        self._is_open = False
        self.trouble: str = ""
        """Why the last transaction failed, for operators."""

    def start(self) -> None:
        """For those who ask on the running loop. Raises sqlite3.Error."""
        self._loop = asyncio.get_running_loop()
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
        request = _Request(work, self._loop.create_future())
        self._requests.put(request)
        outcome: T = await request.answer
        return outcome

    # In the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        is_last = False
        while not is_last:
            group, is_last = self._next_group()
            if group:
                self._perform(group)
            try:
                self._loop.call_soon_threadsafe(_finish, group)
            except RuntimeError:
                log.debug("the loop was closed with %d requests under way", len(group))
        self._connection.close()

    def _next_group(self) -> tuple[list[_Request], bool]:
        """What waits; and whether nothing follows, which ends the thread."""
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
            if not self.trouble:
                log.error("%s", why, extra={"event": "store_failing"})
            self.trouble = why
        else:
            if self.trouble:
                log.info("%s works again", self._path, extra={"event": "store_works"})
            self.trouble = ""

    def _attempt(self, request: _Request) -> None:
        """One of a group. Raises what befalls the database, hence all of them."""
        database = self._connection
        database.execute("SAVEPOINT request")
        try:
            request.outcome = request.work(database)
        except Exception as error:
            if type(error) in _OF_THE_DATABASE:
                raise
            request.error = error  # raised where it was asked for
            database.execute("ROLLBACK TO request")
        database.execute("RELEASE request")

    def _give_up(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.debug("after that it cannot roll back, either: %s", error)


def _finish(group: Sequence[_Request]) -> None:
    for request in group:
        request.finish()


def _trouble(error: sqlite3.Error) -> str:
    """What is wrong, and the next step; a file's name goes before."""
    match getattr(error, "sqlite_errorname", "SQLITE_").split("_")[1]:
        case "FULL":
            return "cannot grow: the disk is full; free some space, then work goes on by itself"
        case "READONLY" | "PERM":
            return f"cannot be written ({error}): is the file system mounted read-only, or owned by another user?"
        case "BUSY" | "LOCKED":
            return "is being written by another process for too long: does a second gateway use this data_dir?"
        case "CORRUPT" | "NOTADB":
            return f"is damaged ({error}): stop, and restore it as docs/reference/store.md says"
        case _:
            return f"cannot be used ({error}): check its disk"
