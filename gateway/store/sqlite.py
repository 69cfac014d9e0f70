"""The embedded store: a SQLite file in the data directory, for a gateway that is one process.

One thread writes, another reads; commits that wait for the disk share a transaction (docs/decisions/two-stores.md).

Source: the promises are those of ``store.Store``.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bayeux.protocol import json
from gateway.failure import Failure
from gateway.store.database import prepare
from gateway.store.database_thread import DatabaseThread
from gateway.store.names import check_room
from gateway.store.store import (
    Changes,
    Conflict,
    Deadline,
    Document,
    Entry,
    Fence,
    LeaseLost,
    Outgoing,
    TakenAlready,
    Write,
)

_NEVER = float("inf")


class SqliteStore:
    """A ``Store``.

    Args:
        path: of the file; beside it lie ``-wal`` and ``-shm`` while it is open.
        clock: seconds since 1970, for leases and times to live.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._writer = DatabaseThread(path, "BEGIN IMMEDIATE")
        self._reader = DatabaseThread(path, "BEGIN")

    @property
    def trouble(self) -> str:
        """Why the last transaction failed; empty if it did not."""
        return self._writer.trouble or self._reader.trouble

    async def open(self) -> None:
        """Make the file, or bring it to this version. Raises Failure."""
        prepare(self._path)
        try:
            self._writer.start()
            self._reader.start()
        except sqlite3.Error as error:
            await self._writer.stop()
            raise Failure(f"{self._path} cannot be opened ({error}): check data_dir and its disk") from error

    async def close(self) -> None:
        """What was asked for is done first."""
        await self._writer.stop()
        await self._reader.stop()

    def room(self, name: str) -> SqliteRoom:
        """The same room for the same name. Raises ValueError."""
        return SqliteRoom(check_room(name), self._writer, self._reader, self._clock)


class SqliteRoom:
    """A ``Room``: the rows of its name."""

    def __init__(self, name: str, writer: DatabaseThread, reader: DatabaseThread, clock: Callable[[], float]) -> None:
        self._name = name
        self._writer, self._reader = writer, reader
        self._clock = clock

    # What is written --------------------------------------------------------------------------

    async def commit(self, changes: Changes) -> Mapping[str, int]:
        """See ``Room``."""
        commit = _Commit(self._name, changes, self._clock)
        return await self._writer.ask(commit)

    async def claim(self, lease: str, holder: str, ttl: float) -> Fence | None:
        """See ``Room``."""
        return await self._writer.ask(partial(self._claim, lease, holder, ttl))

    async def release(self, fence: Fence) -> None:
        """See ``Room``."""
        await self._writer.ask(partial(self._release, fence))

    def _claim(self, lease: str, holder: str, ttl: float, database: sqlite3.Connection) -> Fence | None:
        now = self._clock()
        found = database.execute(
            "SELECT holder, number, expires FROM leases WHERE room = ? AND name = ?", (self._name, lease)
        ).fetchone()
        held_by, number, expires = found or ("", 0, 0.0)
        if expires <= now:
            number += 1
        elif held_by != holder:
            return None
        database.execute(
            "INSERT OR REPLACE INTO leases (room, name, holder, number, expires) VALUES (?, ?, ?, ?, ?)",
            (self._name, lease, holder, number, now + ttl),
        )
        return Fence(lease, number)

    def _release(self, fence: Fence, database: sqlite3.Connection) -> None:
        # The row stays, so that the next one's number is higher.
        database.execute(
            "UPDATE leases SET expires = 0 WHERE room = ? AND name = ? AND number = ?",
            (self._name, fence.lease, fence.number),
        )

    # What is read -----------------------------------------------------------------------------

    async def read(self, *keys: str) -> Sequence[Document | None]:
        """See ``Room``."""
        return await self._reader.ask(partial(self._read, keys))

    async def page(
        self, index: str, *, least: float | None = None, most: float | None = None, offset: int = 0, limit: int = 100
    ) -> Sequence[Entry]:
        """See ``Room``."""
        rows = await self._select(
            "SELECT key, place FROM places WHERE room = ? AND name = ? AND place BETWEEN ? AND ? AND expires > ? "
            "ORDER BY place, key LIMIT ? OFFSET ?",
            (
                *(self._name, index, -_NEVER if least is None else least, _NEVER if most is None else most),
                *(self._clock(), limit, offset),
            ),
        )
        return [Entry(*row) for row in rows]

    async def count(self, index: str) -> int:
        """See ``Room``."""
        rows = await self._select(
            "SELECT count(*) FROM places WHERE room = ? AND name = ? AND expires > ?",
            (self._name, index, self._clock()),
        )
        return int(rows[0][0])

    async def due(self, now: float, limit: int = 100) -> Sequence[Deadline]:
        """See ``Room``."""
        rows = await self._select(
            "SELECT name, at FROM deadlines WHERE room = ? AND at <= ? ORDER BY at, name LIMIT ?",
            (self._name, now, limit),
        )
        return [Deadline(*row) for row in rows]

    async def next_deadline(self) -> float | None:
        """See ``Room``."""
        rows = await self._select("SELECT min(at) FROM deadlines WHERE room = ?", (self._name,))
        earliest: float | None = rows[0][0]
        return earliest

    async def outbox(self, lane: str, limit: int = 100) -> Sequence[Outgoing]:
        """See ``Room``."""
        rows = await self._select(
            "SELECT id, body, version FROM outbox WHERE room = ? AND lane = ? ORDER BY number LIMIT ?",
            (self._name, lane, limit),
        )
        return [Outgoing(id, lane, json.decode_own(body), version=version) for id, body, version in rows]

    def _read(self, keys: Sequence[str], database: sqlite3.Connection) -> Sequence[Document | None]:
        now = self._clock()
        found: list[Document | None] = []
        for key in keys:
            row = database.execute(
                "SELECT version, body FROM documents WHERE room = ? AND key = ? AND expires > ?", (self._name, key, now)
            ).fetchone()
            found.append(Document(key, row[0], json.decode_own(row[1])) if row else None)
        return found

    async def _select(self, query: str, words: tuple[Any, ...]) -> list[Any]:
        return await self._reader.ask(lambda database: database.execute(query, words).fetchall())


class _Commit:
    """Changes of a room, encoded; called in a transaction it makes them."""

    def __init__(self, room: str, changes: Changes, clock: Callable[[], float]) -> None:
        self._room = room
        self._changes = changes
        self._clock = clock
        self._bodies = [json.encode(write.body) if write.body is not None else None for write in changes.writes]
        self._outgoing = [(each, json.encode(each.body)) for each in changes.outgoing]

    def __call__(self, database: sqlite3.Connection) -> Mapping[str, int]:
        changes, now = self._changes, self._clock()
        _forget(database, now)
        if changes.fence is not None:
            self._check(changes.fence, database, now)
        if changes.taken:
            self._take(database, now)
        versions = changes.versions(self._highest(database) + 1)
        for write, body in zip(changes.writes, self._bodies, strict=True):
            self._write(write, body, versions.get(write.key, 0), database, now)
        self._set_deadlines(changes.deadlines, database)
        database.executemany("DELETE FROM outbox WHERE room = ? AND id = ?", ((self._room, id) for id in changes.sent))
        for each, body in self._outgoing:
            version = 0 if each.of is None else versions.get(each.of, 0)
            database.execute(
                "INSERT OR IGNORE INTO outbox (room, lane, id, body, version) VALUES (?, ?, ?, ?, ?)",
                (self._room, each.lane, each.id, body, version),
            )
        return versions

    def _check(self, fence: Fence, database: sqlite3.Connection, now: float) -> None:
        held = database.execute(
            "SELECT 1 FROM leases WHERE room = ? AND name = ? AND number = ? AND expires > ?",
            (self._room, fence.lease, fence.number, now),
        ).fetchone()
        if held is None:
            raise LeaseLost(fence.lease)

    def _take(self, database: sqlite3.Connection, now: float) -> None:
        added = database.execute(
            "INSERT OR IGNORE INTO taken (room, id, expires) VALUES (?, ?, ?)",
            (self._room, self._changes.taken, now + self._changes.taken_ttl),
        )
        if not added.rowcount:
            raise TakenAlready(self._changes.taken)

    def _highest(self, database: sqlite3.Connection) -> int:
        found = database.execute("SELECT highest FROM versions WHERE room = ?", (self._room,)).fetchone()
        return found[0] if found else 0

    def _write(self, write: Write, body: bytes | None, version: int, database: sqlite3.Connection, now: float) -> None:
        name = (self._room, write.key)
        found = database.execute("SELECT version FROM documents WHERE room = ? AND key = ?", name).fetchone()
        if (found[0] if found else 0) != write.version:
            raise Conflict(write.key)
        if body is None:
            database.execute("DELETE FROM documents WHERE room = ? AND key = ?", name)  # with its places
            return
        expires = _NEVER if write.ttl is None else now + write.ttl
        database.execute("DELETE FROM places WHERE room = ? AND key = ?", name)
        database.execute(
            "INSERT INTO documents (room, key, version, body, expires) VALUES (?, ?, ?, ?, ?) ON CONFLICT (room, key) "
            "DO UPDATE SET version = excluded.version, body = excluded.body, expires = excluded.expires",
            (*name, version, body, expires),
        )
        database.executemany(
            "INSERT INTO places (room, name, place, key, expires) VALUES (?, ?, ?, ?, ?)",
            ((self._room, index, place, write.key, expires) for index, place in write.indexes.items()),
        )

    def _set_deadlines(self, deadlines: Mapping[str, float | None], database: sqlite3.Connection) -> None:
        for name, at in deadlines.items():
            if at is None:
                database.execute("DELETE FROM deadlines WHERE room = ? AND name = ?", (self._room, name))
            else:
                database.execute(
                    "INSERT OR REPLACE INTO deadlines (room, name, at) VALUES (?, ?, ?)", (self._room, name, at)
                )


def _forget(database: sqlite3.Connection, now: float) -> None:
    """What has outlived its time, in all rooms."""
    database.execute("DELETE FROM documents WHERE expires <= ?", (now,))
    database.execute("DELETE FROM taken WHERE expires <= ?", (now,))
