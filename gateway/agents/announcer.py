"""What desktops are told: from the outbox to the Bayeux sessions of one user each, on all nodes.

Source: AG-102, AG-106, AG-109, AG-122, AG-123.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gateway.agents.turn import numbered
from gateway.store.store import Outgoing

GATEWAY_EXT = "gw"
"""Key of the gateway's additions in a message's ``ext``."""

Deliver = Callable[[str, str, Mapping[str, Any], dict[str, Any]], Awaitable[object]]
"""``(user, channel, data, ext)``; done when every node of his will be given it. Raises Unavailable."""


class Announcer:
    """The end of the lane.

    Args:
        deliver: takes one message.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def leave(self, entries: Sequence[Outgoing]) -> None:
        """Tell them, each user in order. Raises Unavailable."""
        of_users: dict[str, list[Outgoing]] = {}
        for entry in entries:
            of_users.setdefault(entry.body["user"], []).append(entry)
        outcomes = await asyncio.gather(
            *(self._tell(user, told) for user, told in of_users.items()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _tell(self, user: str, told: Sequence[Outgoing]) -> None:
        for each in told:
            await self._deliver(user, each.body["channel"], each.body["data"], {GATEWAY_EXT: numbered(each)})
