"""HTTP sessions that every node knows: a store behind the table that each has of its own.

Whoever signed in at one node is known at all others, and as long as any of them hears of him. The bounds of the tables
are each node's own; what is pushed out of a table is found again in the store.

Source: AG-10, AG-14, AG-26, OPS-42, OPS-64.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import orjson

from bayeux.backplane.backplane import SessionStore, StaleClaim
from bayeux.protocol.errors import Unavailable
from gateway.auth.http_sessions import HttpSession, HttpSessions

_FORMAT: Final = 1
_ENDED: Final = orjson.dumps([_FORMAT, "", ""])
"""The record of a session that its user has ended."""
_RENEWALS = 30
"""In the time a session may be idle, the store is told so often that it is not."""
_KIND = "http"  # keeps them apart from Bayeux sessions, whose ids are longer than this


class SharedSessions:
    """The store behind one node's table.

    Args:
        own: the table.
        store: what all nodes have.
        node: who says that it keeps them; nobody asks.
    """

    def __init__(self, own: HttpSessions, store: SessionStore, node: str) -> None:
        self._own = own
        self._store = store
        self._node = node
        self._touching: set[asyncio.Task[None]] = set()

    async def keep(self, session: HttpSession) -> None:
        """Let all nodes know a session that began here. Raises Unavailable."""
        record = orjson.dumps([_FORMAT, session.user, session.csrf_token])
        await self._store.create(_name(session.key), self._node, record, self._own.idle)

    async def find(self, cookie: str, now: float) -> HttpSession | None:
        """The session of a cookie that this node does not know; from here on it does. Raises Unavailable."""
        key = HttpSessions.key_of(cookie)
        claim = await self._store.find(_name(key))
        if claim is None:
            return None
        match orjson.loads(claim.record):
            case [1, str(user), str(csrf_token)] if user:
                session = self._own.adopt(HttpSession(user, key, now, csrf_token))
                self.renew(session, now)
                return session
        return None  # of a format that is not ours: he signs in again

    async def forget(self, session: HttpSession) -> None:
        """It was ended: other nodes learn it when they next tell the store that it is used. Raises Unavailable."""
        claim = await self._store.find(_name(session.key))
        if claim is None:
            return
        with suppress(StaleClaim):  # it has vanished meanwhile
            # Not taken away: nothing in its place could also mean that the store has lost its data.
            await self._store.update(_name(session.key), claim.number, _ENDED, self._own.idle)

    def renew(self, session: HttpSession, now: float) -> None:
        """It was used: tell the store, now and then."""
        if now - session.told_at < self._own.idle / _RENEWALS:
            return
        session.told_at = now
        task = asyncio.get_running_loop().create_task(self._touch(session))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    def close(self) -> None:
        """Tell nothing more."""
        for task in self._touching:
            task.cancel()

    async def _touch(self, session: HttpSession) -> None:
        with suppress(Unavailable):  # the next time, then: there are many before it would be forgotten
            claim = await self._store.find(_name(session.key))
            if claim is not None and claim.record == _ENDED:
                self._own.end(session)
            else:
                await self._store.touch([_name(session.key)], self._own.idle)


def _name(key: bytes) -> str:
    return _KIND + key.hex()
