"""How customers are told: what a callback needs of ``gateway.push``.

Source: CB-2, PN-3, PN-8.
"""

from __future__ import annotations

from typing import Protocol

from gateway.push.notice import Notice
from gateway.push.provider import Device
from gateway.push.push import Push
from gateway.store.turn import Turn


class Telling(Protocol):
    """See ``gateway.push.push.Push``. What takes a turn is part of the caller's commit."""

    async def subscribe(self, turn: Turn, *, instance: str, user: str, device: Device, until: float) -> None:
        """Notices about this instance go to that device (CB-2). Raises Refused: not to such a one."""

    async def tell(self, turn: Turn, notice: Notice) -> None:
        """Somebody is told of this, once."""

    async def withdraw(self, turn: Turn, user: str, tag: str) -> None:
        """Who was not told of it by now is not told (PN-8)."""

    def nudge(self, user: str) -> None:
        """After the commit: there is something for him."""


class ByPush:
    """By the gateway's own way to customers."""

    def __init__(self, push: Push) -> None:
        self._push = push

    async def subscribe(self, turn: Turn, *, instance: str, user: str, device: Device, until: float) -> None:
        """See ``Telling``."""
        await self._push.subscribe(
            turn,
            instance,
            user,
            device.type,
            device.id,
            provider=device.provider,
            language=device.language,
            debug=device.debug,
            properties=device.properties,
            until=until,
        )

    async def tell(self, turn: Turn, notice: Notice) -> None:
        """See ``Telling``."""
        await self._push.tell(turn, notice)

    async def withdraw(self, turn: Turn, user: str, tag: str) -> None:
        """See ``Telling``."""
        await self._push.withdraw(turn, user, tag)

    def nudge(self, user: str) -> None:
        """See ``Telling``."""
        self._push.nudge(user)
