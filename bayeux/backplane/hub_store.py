"""What a hub keeps, and how one node reaches its histories and sessions.

Source: the promises are those of ``interface.History`` and ``backplane.SessionStore``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bayeux.backplane.backplane import Arrived, Claim, StaleClaim
from bayeux.backplane.feed import JournalStretch
from bayeux.backplane.interface import Retention, Stretch
from bayeux.backplane.memory import MemoryHistory
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.replay import Position


@dataclass(slots=True)
class Partition:
    """What is published in one partition."""

    journal: deque[Arrived]
    place: int = 0

    def stretch(self, after: int) -> JournalStretch[Arrived]:
        """What its journal holds after a place."""
        floor = self.journal[0].place - 1 if self.journal else self.place
        return JournalStretch(floor, self.place, [event for event in self.journal if event.place > after])


@dataclass(slots=True)
class Session:
    """What is known of one session."""

    claim: Claim
    until: float


@dataclass(slots=True)
class Keeping:
    """What the store keeps; lost as a whole by ``MemoryHub.flush``."""

    history: MemoryHistory
    partitions: list[Partition]
    sessions: dict[str, Session] = field(default_factory=dict)
    checkpoints: dict[str, tuple[bytes, float]] = field(default_factory=dict)


class Way(Protocol):
    """One node's way to the hub."""

    @property
    def keeping(self) -> Keeping:
        """What is there at this instant."""

    async def reach(self) -> None:
        """On the way there. Raises Unavailable."""

    async def answered(self) -> None:
        """On the way back. Raises Unavailable."""


class HubHistory:
    """The hub's history as one node reaches it."""

    def __init__(self, way: Way) -> None:
        self._way = way

    async def append(self, channel: str, payload: bytes, retention: Retention) -> Position:
        """Keep an event."""
        await self._way.reach()
        position = self._way.keeping.history.append(channel, payload, retention)
        await self._way.answered()
        return position

    async def since(self, channel: str, after: int, limit: int) -> Stretch:
        """What is kept of it."""
        await self._way.reach()
        stretch = self._way.keeping.history.since(channel, after, limit)
        await self._way.answered()
        return stretch

    async def channels(self, pattern: ChannelName) -> Sequence[str]:
        """Those that hold events."""
        await self._way.reach()
        found = self._way.keeping.history.channels(pattern)
        await self._way.answered()
        return found


class HubSessions:
    """The hub's sessions as one node reaches them."""

    def __init__(self, way: Way, clock: Callable[[], float]) -> None:
        self._way = way
        self._clock = clock

    async def create(self, client_id: str, owner: str, record: bytes, ttl: float) -> int:
        """Keep a new session."""
        await self._way.reach()
        number = 1 + (known.claim.number if (known := self._known(client_id)) else 0)
        self._keep(client_id, Claim(owner, number, record), ttl)
        await self._way.answered()
        return number

    async def update(self, client_id: str, number: int, record: bytes, ttl: float) -> None:
        """Replace the record."""
        await self._way.reach()
        claim = self._claimed(client_id, number)
        self._keep(client_id, Claim(claim.owner, number, record), ttl)
        await self._way.answered()

    async def claim(self, client_id: str, number: int, owner: str, record: bytes | None, ttl: float) -> int:
        """Own it from here on."""
        await self._way.reach()
        claim = self._claimed(client_id, number)
        self._keep(client_id, Claim(owner, number + 1, claim.record if record is None else record), ttl)
        await self._way.answered()
        return number + 1

    async def find(self, client_id: str) -> Claim | None:
        """Who owns it."""
        await self._way.reach()
        known = self._known(client_id)
        await self._way.answered()
        return known.claim if known else None

    async def touch(self, client_ids: Sequence[str], ttl: float) -> Sequence[str]:
        """Keep them longer; which of them are not kept."""
        await self._way.reach()
        unknown = []
        for each in client_ids:
            if known := self._known(each):
                known.until = self._clock() + ttl
            else:
                unknown.append(each)
        await self._way.answered()
        return unknown

    async def end(self, client_id: str, number: int) -> None:
        """It is over."""
        await self._way.reach()
        known = self._known(client_id)
        if known and known.claim.number == number:
            del self._way.keeping.sessions[client_id]
        await self._way.answered()

    async def write_checkpoint(self, node: str, checkpoint: bytes, ttl: float) -> None:
        """Keep it."""
        await self._way.reach()
        self._way.keeping.checkpoints[node] = (checkpoint, self._clock() + ttl)
        await self._way.answered()

    async def read_checkpoint(self, node: str) -> bytes | None:
        """What was kept."""
        await self._way.reach()
        checkpoint, until = self._way.keeping.checkpoints.get(node, (b"", 0.0))
        await self._way.answered()
        return checkpoint if self._clock() < until else None

    def _known(self, client_id: str) -> Session | None:
        known = self._way.keeping.sessions.get(client_id)
        return known if known is not None and self._clock() < known.until else None

    def _claimed(self, client_id: str, number: int) -> Claim:
        known = self._known(client_id)
        if known is None or known.claim.number != number:
            raise StaleClaim("it was claimed by another node, or is over")
        return known.claim

    def _keep(self, client_id: str, claim: Claim, ttl: float) -> None:
        self._way.keeping.sessions[client_id] = Session(claim, self._clock() + ttl)
