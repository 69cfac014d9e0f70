"""The fence around a node that cannot prove to be alive: others may have claimed its sessions, so it serves none.

Owns when it is up. Behind it nothing leaves, nothing is decided and nobody's time runs out; connections stay, because
mostly the store is back soon, for all nodes alike. Then the node lets go of the sessions that others have claimed, and
goes on with the rest. Only if that takes too long are its clients sent away, perhaps to a node that is better off.

Source: OPS-62, OPS-72; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from bayeux.protocol.errors import Unavailable

if TYPE_CHECKING:
    from bayeux.backplane.backplane import Backplane

log: logging.Logger = logging.getLogger(__name__)

WATCH_PERIOD: Final = 0.25
"""Seconds between two looks at the lease; much less than a lease has."""
PATIENCE: Final = 10.0
"""Seconds for which clients are kept waiting for a node to serve again."""


class Fence:
    """Whether this node may serve.

    Args:
        clock: seconds, monotonic; that of the backplane's lease.
        let_go: has the node let go of what others have claimed. Raises Unavailable.
        go_on: told that the node serves again.
        send_away: told that it did not for too long.
    """

    def __init__(
        self,
        backplane: Backplane,
        clock: Callable[[], float],
        *,
        let_go: Callable[[], Awaitable[None]],
        go_on: Callable[[], None],
        send_away: Callable[[], None],
    ) -> None:
        self._backplane = backplane
        self._clock = clock
        self._let_go = let_go
        self._go_on = go_on
        self._send_away = send_away
        self._good_until = float("-inf")
        self._is_closed = False
        self._since: float | None = clock()
        self._has_sent_away = False
        self._down = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """The node must not serve its sessions."""
        if self._is_closed or self._since is not None:
            return True
        now = self._clock()
        if now < self._good_until:
            return False
        # The lease may have been taken again since, but there was a time without one.
        self._raise(now)
        log.warning(
            "this node was without its lease: it serves no session until it knows which of them others have claimed",
            extra={"event": "fenced"},
        )
        return True

    @property
    def is_closed(self) -> bool:
        """It stays up: the node leaves."""
        return self._is_closed

    def open(self) -> None:
        """The node has joined, or will once the store can be reached."""
        self._is_closed = False
        self._good_until = self._backplane.lease_until
        if self._clock() < self._good_until:
            self._since = None
            self._down.set()
        else:
            self._raise(self._clock())

    def close(self) -> None:
        """The node leaves."""
        self._is_closed = True
        self._down.clear()

    async def wait(self) -> bool:
        """Whether the node serves again before its clients lose patience."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.is_up and not self._is_closed:
                    await self._down.wait()
        except TimeoutError:
            pass
        return not self.is_up

    async def watch(self) -> None:
        """See to it that a time without a lease does not pass unnoticed; for ever."""
        while True:
            await self.look()
            left = self._good_until - self._clock()
            await asyncio.sleep(min(WATCH_PERIOD, max(0.01, left / 4)))

    async def look(self) -> None:
        """Take note of the lease as it is."""
        if not self.is_up:
            self._good_until = self._backplane.lease_until
        elif self._since is not None and not self._is_closed:
            if self._clock() < self._backplane.lease_until:
                await self._lower()
            elif self._clock() - self._since > PATIENCE and not self._has_sent_away:
                self._has_sent_away = True
                self._send_away()

    async def _lower(self) -> None:
        until = self._backplane.lease_until
        try:
            await self._let_go()
        except Unavailable:
            return
        if self._clock() < until and not self._is_closed:
            self._good_until, self._since = until, None
            self._down.set()
            log.info("this node serves", extra={"event": "unfenced"})
            self._go_on()

    def _raise(self, now: float) -> None:
        self._since = now
        self._has_sent_away = False
        self._down.clear()
