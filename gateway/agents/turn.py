"""One decision about what the chat side keeps; what it says is written with what it tells of, and leaves afterwards.

Source: AG-66, AG-123, AG-141, MRE-120.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from gateway.agents.agent import Agent
from gateway.routing.machine import NewId, Sending
from gateway.routing.outbox import as_outgoing
from gateway.store import turn
from gateway.store.store import Outgoing, Room

ANNOUNCE_LANE: Final = "announce"
"""Of what desktops are told."""
MAIL_LANE: Final = "mail"
"""Of what leaves by SMTP."""
CUSTOMER_LANE: Final = "customer"
"""Of what customers hear of their interactions."""
_REMEMBERED: Final = 24 * 60 * 60.0
_ANNOUNCED_AT_ONCE: Final = 1000
"""Announcements of one document in one commit; more than that share a number."""

T = TypeVar("T")


class Turn(turn.Turn):
    """What one decision has read, and wants.

    Args:
        now: seconds since 1970.
        new_id: gives an id that nobody has had.
    """

    def __init__(self, room: Room, now: float, new_id: NewId) -> None:
        super().__init__(room, now)
        self.said_at = now  # before, where it answers a message that was under way for a while
        self.new_id = new_id
        self._announced: dict[str, int] = {}

    # What is kept

    async def agent(self, user: str) -> Agent:
        """One agent; nothing of him need be there."""
        (body,) = await self.read(agent_key(user))
        return Agent.from_body(body) if body is not None else Agent(user=user)

    def put_agent(self, agent: Agent) -> None:
        """As he shall be; also as he is, for nobody to change him at the same time."""
        # Of who has signed out nothing is kept for ever.
        ttl = None if agent.is_started or agent.desks or agent.workbins else _REMEMBERED
        indexes = {desk_index(node): 0.0 for node in agent.desks}
        self.write(agent_key(agent.user), agent.as_body(), indexes=indexes, ttl=ttl)

    # What is said

    def announce(
        self, user: str, channel: str, data: Mapping[str, Any], *, of: str, ext: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a user's sessions something of a document that this turn writes.

        Args:
            of: key of the document: its versions number what is said of it, so that nothing is heard twice (AG-122);
                ``numbered`` has the number.
            ext: what the gateway adds for clients that want it (AG-109).
        """
        number = self._announced[of] = min(self._announced.get(of, -1) + 1, _ANNOUNCED_AT_ONCE - 1)
        gw = {**(ext or {}), "of": of, "seq": number, "at": self.now}
        body = {"user": user, "channel": channel, "data": data, "gw": gw}
        self.leave(Outgoing(self.new_id(), ANNOUNCE_LANE, body, of))

    def send(self, sending: Sending) -> None:
        """Tell another role."""
        self.leave(as_outgoing(sending))

    def mail(self, letter: Mapping[str, Any]) -> None:
        """Have a mail leave."""
        self.leave(Outgoing(self.new_id(), MAIL_LANE, letter))

    def tell_customer(self, heard: Mapping[str, Any]) -> None:
        """Have the customer's side hear of it."""
        self.leave(Outgoing(self.new_id(), CUSTOMER_LANE, heard))


Decision = Callable[[Turn], Awaitable[T]]
"""Reads and wants; is asked anew if it was overtaken, so it must not do anything else."""


def numbered(announced: Outgoing) -> dict[str, Any]:
    """The gateway's additions to what is announced, with its number: the document's version, which the store tells."""
    gw: dict[str, Any] = dict(announced.body["gw"])
    return {**gw, "seq": announced.version * _ANNOUNCED_AT_ONCE + gw["seq"]}


def latest_seq(version: int) -> int:
    """Not before the last that may be said of a document in this version."""
    return (version + 1) * _ANNOUNCED_AT_ONCE - 1


def agent_key(user: str) -> str:
    """The document of one agent."""
    return f"agent:{user}"


def desk_index(node: str) -> str:
    """Of the agents whose desktops a node serves."""
    return f"desk:{node}"
