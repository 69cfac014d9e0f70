"""The chat side's hands: takes decisions about the room ``contact``, and has what they say leave.

Any node may decide, for the room lets only one of two overlapping decisions happen. What a decision announces has left
when it returns, so that nobody is told of an earlier one afterwards (AG-37); messages to other roles and mails follow.

Source: AG-4, AG-37, AG-66, AG-123, MRE-4.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from bayeux.protocol.errors import Unavailable
from channels.dialects.announcement import Asked
from gateway.agents.announcer import Announcer
from gateway.agents.turn import ANNOUNCE_LANE, CUSTOMER_LANE, Decision, Turn
from gateway.routing import messages
from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, Bus
from gateway.routing.machine import NewId, Sending
from gateway.routing.outbox import BUS_LANE, Leave, Pump, bus_pump
from gateway.store.store import Fence, Room
from gateway.store.turn import decided

log = logging.getLogger(__name__)

_REFERENCE, _OWN_REFERENCE = "#", "~"
"""Stand in ids of messages before a number: the agent's, or the gateway's."""
ROOM: Final = "contact"
"""The chat side's part of the store; no other role reads it."""

T = TypeVar("T")


class ChatSide:
    """Decides, and lets leave.

    Args:
        room: the chat side's.
        announcer: tells desktops.
        node: name of this process among those of the gateway.
        clock: seconds since 1970.
        new_id: gives an id that nobody has had.
    """

    def __init__(
        self,
        room: Room,
        bus: Bus,
        announcer: Announcer,
        *,
        node: str,
        clock: Callable[[], float],
        new_id: NewId,
    ) -> None:
        self.room = room
        self.node = node
        self.clock = clock
        self.new_id = new_id
        self._announcements = Pump(room, ANNOUNCE_LANE, announcer.leave)
        self._pumps = {ANNOUNCE_LANE: self._announcements, BUS_LANE: bus_pump(room, bus)}

    @property
    def pumps(self) -> list[Pump]:
        """To be run on every node: what another one could not send leaves from here, too."""
        return list(self._pumps.values())

    @property
    def is_cut_off(self) -> bool:
        """What this node has for other roles cannot leave."""
        return self._pumps[BUS_LANE].is_stuck

    @property
    def has_listeners(self) -> bool:
        """Somebody takes what customers hear."""
        return CUSTOMER_LANE in self._pumps

    def tell_customers(self, leave: Leave) -> None:
        """Have that go there, from each node; to be said before any pump runs."""
        self._pumps[CUSTOMER_LANE] = Pump(self.room, CUSTOMER_LANE, leave)

    async def decide(self, decision: Decision[T], *, taken: str = "", fence: Fence | None = None) -> T:
        """Take a decision, commit it, and announce it.

        Args:
            taken: id of what it answers, for it to be answered once.
            fence: the lease under which alone it may happen.

        Raises what the decision raises; TakenAlready, LeaseLost, Unavailable.
        """

        def begin() -> Turn:
            turn = Turn(self.room, self.clock(), self.new_id)
            turn.taken, turn.fence = taken, fence
            return turn

        given, turn = await decided(self.room, decision, begin)
        for lane in turn.lanes & self._pumps.keys():
            self._pumps[lane].hurry()
        if ANNOUNCE_LANE in turn.lanes:
            try:
                await self._announcements.drain()
            except Unavailable:
                log.debug("what was decided is announced later")  # it is stored: ``run`` of the pump goes on trying
        return given

    def command(self, turn: Turn, message_type: str, body: Mapping[str, Any], asked: Asked | None = None) -> None:
        """Have a message go to the Communication Server.

        Args:
            asked: what is named to the agent if it is refused: it travels in the message's id (``asked_by``).
        """
        id = self.new_id()
        if asked is not None:
            id += f"{_REFERENCE if asked.is_given else _OWN_REFERENCE}{asked.reference_id}"
        message = messages.compose(
            GENERAL, message_type, body, id=id, now=turn.now, producer=f"chat@{self.node}", reply_to=CHAT_SERVER
        )
        turn.send(Sending(GENERAL, message))


def asked_by(agent: str, request_id: str) -> Asked | None:
    """The request of an agent behind a message that was refused (AG-144)."""
    for mark in (_REFERENCE, _OWN_REFERENCE):
        _, found, number = request_id.rpartition(mark)
        if found:
            return Asked(agent=agent, reference_id=int(number), is_given=mark == _REFERENCE)
    return None
