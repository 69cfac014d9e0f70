"""One decision about a room: what it has read, and what shall be changed, as a whole or not at all.

Everything that was read and written again is guarded by its version, so a decision that somebody overtook is taken anew
with what is there by then (``decided``).

Source: AG-66, AG-123, SM-70, SM-73, MRE-120.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from bayeux.protocol.errors import Unavailable
from gateway.store.store import Changes, Conflict, Document, Fence, Outgoing, Room, Write

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 100
"""Of a decision; each one that is overtaken means that another one was taken."""


class Turn:
    """What one decision has read, and wants.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, room: Room, now: float) -> None:
        self.now = now
        self.deadlines: dict[str, float | None] = {}
        self.taken = ""
        self.fence: Fence | None = None
        self._room = room
        self._known: dict[str, Document | None] = {}
        self._writes: dict[str, Write] = {}
        self._outgoing: list[Outgoing] = []

    async def read(self, *keys: str) -> list[Mapping[str, Any] | None]:
        """The bodies, as this turn would leave them."""
        missing = [key for key in keys if key not in self._known]
        if missing:
            self._known.update(zip(missing, await self._room.read(*missing), strict=True))
        return [self._body(key) for key in keys]

    def write(
        self,
        key: str,
        body: Mapping[str, Any] | None,
        *,
        indexes: Mapping[str, float] | None = None,
        ttl: float | None = None,
    ) -> None:
        """A document as it shall be, which was read before."""
        known = self._known[key]
        if body is None and known is None:
            self._writes.pop(key, None)
        else:
            self._writes[key] = Write(key, body, known.version if known is not None else 0, indexes or {}, ttl)

    async def page(
        self, index: str, *, least: float | None = None, most: float | None = None, limit: int = 100
    ) -> list[str]:
        """Keys of what stands in an index, as it was before this turn."""
        return [entry.key for entry in await self._room.page(index, least=least, most=most, limit=limit)]

    def leave(self, *outgoing: Outgoing) -> None:
        """Have messages leave."""
        self._outgoing.extend(outgoing)

    @property
    def lanes(self) -> frozenset[str]:
        """By which something leaves."""
        return frozenset(each.lane for each in self._outgoing)

    @property
    def changes(self) -> Changes:
        """All of it, for one commit."""
        return Changes(
            writes=list(self._writes.values()),
            deadlines=self.deadlines,
            outgoing=self._outgoing,
            taken=self.taken,
            fence=self.fence,
        )

    @property
    def is_empty(self) -> bool:
        """Nothing would be changed by it."""
        return not (self._writes or self.deadlines or self._outgoing or self.taken)

    def version(self, key: str) -> int:
        """Of a document as it was read; 0: there was none."""
        known = self._known.get(key)
        return known.version if known is not None else 0

    def _body(self, key: str) -> Mapping[str, Any] | None:
        if key in self._writes:
            return self._writes[key].body
        known = self._known[key]
        return known.body if known is not None else None


T = TypeVar("T")
SomeTurn = TypeVar("SomeTurn", bound=Turn)


async def decided(
    room: Room, decision: Callable[[SomeTurn], Awaitable[T]], begin: Callable[[], SomeTurn]
) -> tuple[T, SomeTurn]:
    """Take a decision and commit it; what it gave, and the turn that was committed.

    Args:
        decision: reads and wants; it is asked anew if it was overtaken, so it must not do anything else. It may raise
            Conflict where it sees that itself.

    Raises what the decision raises; TakenAlready, LeaseLost, Unavailable as the room does; Unavailable also where it
    was overtaken again and again.
    """
    for _ in range(_ATTEMPTS):
        turn = begin()
        try:
            given = await decision(turn)
            if turn.is_empty:
                return given, turn
            await room.commit(turn.changes)
        except Conflict as conflict:
            log.debug("a decision was overtaken", extra={"document": conflict.key})
            continue
        return given, turn
    raise Unavailable
