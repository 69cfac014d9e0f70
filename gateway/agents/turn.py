"""One decision about what the chat side keeps: what it has read, and what shall be changed, as a whole or not at all.

Everything that was read and written again is guarded by its version, so a decision that somebody overtook is taken anew
with what is there by then (``decided``). What has to be said is written with what it tells of, and leaves afterwards.

Source: AG-66, AG-123, AG-141, MRE-120.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from bayeux.protocol.errors import Unavailable
from gateway.agents.agent import Agent
from gateway.routing.machine import NewId, Sending
from gateway.routing.outbox import as_outgoing
from gateway.store.store import Changes, Conflict, Document, Fence, Outgoing, Room, Write

log = logging.getLogger(__name__)

ANNOUNCE_LANE: Final = "announce"
"""Of what desktops are told."""
MAIL_LANE: Final = "mail"
"""Of what leaves by SMTP."""
_ATTEMPTS: Final = 100
"""Of a decision; each one that is overtaken means that another one was taken."""
_REMEMBERED: Final = 24 * 60 * 60.0
_ANNOUNCED_AT_ONCE: Final = 1000
"""Announcements of one document in one commit; more than that share a number."""

T = TypeVar("T")


class Turn:
    """What one decision has read, and wants.

    Args:
        now: seconds since 1970.
        new_id: gives an id that nobody has had.
    """

    def __init__(self, room: Room, now: float, new_id: NewId) -> None:
        self.now = now
        self.said_at = now  # before, where it answers a message that was under way for a while
        self.new_id = new_id
        self.deadlines: dict[str, float | None] = {}
        self.taken = ""
        self.fence: Fence | None = None
        self._room = room
        self._known: dict[str, Document | None] = {}
        self._writes: dict[str, Write] = {}
        self._outgoing: list[Outgoing] = []
        self._announced: dict[str, int] = {}

    # What is kept

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

    async def page(self, index: str, *, most: float | None = None, limit: int = 100) -> list[str]:
        """Keys of what stands in an index, as it was before this turn."""
        return [entry.key for entry in await self._room.page(index, most=most, limit=limit)]

    async def agent(self, user: str) -> Agent:
        """One agent; nothing of him need be there."""
        (body,) = await self.read(agent_key(user))
        return Agent.from_body(body) if body is not None else Agent(user=user)

    def put_agent(self, agent: Agent) -> None:
        """As he shall be; also as he is, for nobody to change him at the same time."""
        # Who has signed out is kept for a while: the versions of his document number what his desktops hear (AG-122).
        ttl = None if agent.is_started or agent.desks or agent.workbins else _REMEMBERED
        indexes = {desk_index(node): 0.0 for node in agent.desks}
        self.write(agent_key(agent.user), agent.as_body(), indexes=indexes, ttl=ttl)

    # What is said

    def announce(
        self, user: str, channel: str, data: Mapping[str, Any], *, of: str, ext: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a user's sessions something of a document that this turn writes.

        Args:
            of: key of the document: its versions number what is said of it, so that nothing is heard twice (AG-122).
            ext: what the gateway adds for clients that want it (AG-109).
        """
        known = self._known.get(of)
        number = self._announced[of] = min(self._announced.get(of, -1) + 1, _ANNOUNCED_AT_ONCE - 1)
        seq = (known.version + 1 if known is not None else 1) * _ANNOUNCED_AT_ONCE + number
        gw = {**(ext or {}), "of": of, "seq": seq, "at": self.now}
        self._outgoing.append(
            Outgoing(self.new_id(), ANNOUNCE_LANE, {"user": user, "channel": channel, "data": data, "gw": gw})
        )

    def send(self, sending: Sending) -> None:
        """Tell another role."""
        self._outgoing.append(as_outgoing(sending))

    def mail(self, letter: Mapping[str, Any]) -> None:
        """Have a mail leave."""
        self._outgoing.append(Outgoing(self.new_id(), MAIL_LANE, letter))

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

    def _body(self, key: str) -> Mapping[str, Any] | None:
        if key in self._writes:
            return self._writes[key].body
        known = self._known[key]
        return known.body if known is not None else None


Decision = Callable[[Turn], Awaitable[T]]
"""Reads and wants; is asked anew if it was overtaken, so it must not do anything else."""


async def decided(room: Room, decision: Decision[T], begin: Callable[[], Turn]) -> tuple[T, Turn]:
    """Take a decision and commit it; what it gave, and the turn that was committed.

    Raises what the decision raises; TakenAlready, LeaseLost, Unavailable as the room does; Unavailable also where it
    was overtaken again and again.
    """
    for _ in range(_ATTEMPTS):
        turn = begin()
        given = await decision(turn)
        if turn.is_empty:
            return given, turn
        try:
            await room.commit(turn.changes)
        except Conflict as conflict:
            log.debug("a decision was overtaken", extra={"document": conflict.key})
            continue
        return given, turn
    raise Unavailable


def latest_seq(version: int) -> int:
    """Not before the last that may be said of a document in this version."""
    return (version + 1) * _ANNOUNCED_AT_ONCE - 1


def agent_key(user: str) -> str:
    """The document of one agent."""
    return f"agent:{user}"


def desk_index(node: str) -> str:
    """Of the agents whose desktops a node serves."""
    return f"desk:{node}"
