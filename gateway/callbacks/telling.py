"""How customers are told: what a callback needs of ``gateway.push``.

Source: CB-2, PN-3, PN-8.
"""

from __future__ import annotations

from typing import Protocol

from gateway.push.notice import Notice
from gateway.push.provider import Device
from gateway.store.turn import Turn


class Telling(Protocol):
    """See ``gateway.push.push.Push``. What takes a turn is part of the caller's commit."""

    async def subscribe(self, turn: Turn, *, instance: str, user: str, device: Device, until: float) -> object:
        """Notices about this instance go to that device (CB-2). Raises Refused: not to such a one."""

    async def tell(self, turn: Turn, notice: Notice) -> object:
        """Somebody is told of this, once."""

    async def withdraw(self, turn: Turn, user: str, tag: str) -> object:
        """Who was not told of it by now is not told (PN-8)."""

    def nudge(self, user: str) -> None:
        """After the commit: there is something for him, or for a device that is no user's."""
