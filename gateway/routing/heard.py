"""How far a role has heard what was said to it, so that an answer given in time is heard before its deadline is kept.

Messages are late where the role was just taken over, or has much to do. Nobody is waited for in vain: a queue in which
nothing comes for a moment holds nothing back, and no queue holds a deadline back for long.

Source: AG-66, AG-123, AG-126, MRE-126.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from gateway.routing import moment
from gateway.routing.bus.bus import BusMessage

QUIET: Final = 0.05
"""Seconds without a message after which none is on its way."""
PATIENCE: Final = 1.0
"""Seconds that a deadline may be kept too late (AG-126)."""


class Heard:
    """What came by these queues."""

    def __init__(self, queues: Collection[str]) -> None:
        self._queues = queues
        self._listening_since: dict[str, float] = {}
        """On the loop's clock; only of those that nothing has come from since."""
        self._said: dict[str, float] = {}
        """When the latest message that was handled was sent."""

    def listens(self, queue: str) -> None:
        """All that came by it was handled."""
        self._listening_since[queue] = asyncio.get_running_loop().time()

    def hears(self, queue: str) -> None:
        """Something came."""
        self._listening_since.pop(queue, None)

    def handled(self, queue: str, message: BusMessage) -> None:
        """That is done."""
        try:
            self._said[queue] = moment.read(message.time)
        except ValueError:
            pass  # another program's, which does not say

    async def until(self, at: float) -> None:
        """Wait until what was said by that moment was handled, or for as long as a deadline can wait."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not all(self._has_heard(queue, at) for queue in self._queues):
            await asyncio.sleep(QUIET)
            if loop.time() >= end:
                return

    def _has_heard(self, queue: str, at: float) -> bool:
        since = self._listening_since.get(queue)
        is_quiet = since is not None and asyncio.get_running_loop().time() >= since + QUIET
        return is_quiet or self._said.get(queue, 0.0) >= at
