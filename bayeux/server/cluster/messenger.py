"""What this node says to others: told, and tried again for a while, or asked, and waited for.

Source: CLU-4, OPS-42, OPS-75.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from bayeux.backplane.backplane import Backplane
from bayeux.protocol.errors import Unavailable
from bayeux.server.cluster.wire import pack

PATIENCE: Final = 10.0
"""Seconds for which a message is tried to be sent, and for which an answer is waited for."""
RETRY_PERIOD: Final = 0.1


class Messenger:
    """This node's way into the lanes of others.

    Args:
        clock: seconds, monotonic.
        lives: whether a node is another one, and alive by what is known.
        soon: begins a coroutine of this node.
    """

    def __init__(
        self,
        backplane: Backplane,
        clock: Callable[[], float],
        lives: Callable[[str], bool],
        soon: Callable[[Any], object],
    ) -> None:
        self._backplane = backplane
        self._clock = clock
        self._lives = lives
        self._soon = soon
        self._asked: dict[int, tuple[str, asyncio.Future[Sequence[Any] | None]]] = {}
        self._last_asked = 0

    def post(self, node: str, message: bytes) -> None:
        """Send it as soon as that is possible, as long as it may matter: what comes twice does no harm."""
        self._soon(self._send(node, message))

    async def ask(self, node: str, kind: str, *values: Any) -> Sequence[Any] | None:
        """What a node replies; None if it has gone. Raises Unavailable where it says nothing in time."""
        self._last_asked += 1
        number = self._last_asked
        future: asyncio.Future[Sequence[Any] | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = (node, future)
        try:
            await self._backplane.send(node, pack(kind, number, *values))
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            raise Unavailable from None
        finally:
            del self._asked[number]

    def take_reply(self, sender: str, number: int, reply: Sequence[Any]) -> bool:
        """What a node says that was asked; whether anybody still waits for it."""
        asked, future = self._asked.get(number, ("", None))
        if future is None or asked != sender or future.done():
            return False
        future.set_result(reply)
        return True

    def node_left(self, node: str) -> None:
        """It will not reply."""
        for asked, future in list(self._asked.values()):
            if asked == node and not future.done():
                future.set_result(None)

    async def _send(self, node: str, message: bytes) -> None:
        until = self._clock() + PATIENCE
        while True:
            try:
                await self._backplane.send(node, message)
                return
            except Unavailable:
                if self._clock() >= until or not self._lives(node):
                    return
            await asyncio.sleep(RETRY_PERIOD)
