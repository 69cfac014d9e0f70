"""What the leader of the customers' part does: keeps its deadlines, and lets leave what nodes alone must not send.

Any node decides about customers; this one takes care that what they decided follows, whoever of them dies.

Source: SM-70, SM-71; MRE-123.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.routing.bus.bus import BusMessage
from gateway.routing.outbox import Pump
from gateway.store.store import Deadline, Fence

Expire = Callable[[str, Fence], Awaitable[None]]
"""Takes the name of what is due, without its kind; it is stored under the fence that it is over, or comes again."""


class CustomerDuty:
    """See ``gateway.routing.role.Duty``.

    Args:
        expiring: who keeps which kind of deadlines; the kind stands before the colon of their names.
        pumps: what the leader alone lets leave; other nodes fill their lanes.
    """

    def __init__(self, expiring: Mapping[str, Expire], pumps: Sequence[Pump]) -> None:
        self._expiring = expiring
        self._pumps = pumps
        self._fence: Fence | None = None

    async def begin(self, fence: Fence) -> None:
        """Deadlines and lanes are all there is to know."""
        self._fence = fence

    async def receive(self, queue: str, message: BusMessage) -> str:
        """Nobody sends anything."""
        return "the customers' part takes no messages"

    async def look(self) -> None:
        """What other nodes have decided leaves now."""
        for pump in self._pumps:
            pump.hurry()

    async def expire(self, deadline: Deadline) -> None:
        """By its kind. Raises KeyError for a kind that a later version knows: the role puts it off."""
        assert self._fence is not None, "deadlines are kept in a reign"
        kind, _, name = deadline.name.partition(":")
        await self._expiring[kind](name, self._fence)

    def end(self) -> None:
        """Another one leads."""
        self._fence = None
