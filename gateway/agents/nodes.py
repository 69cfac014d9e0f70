"""Which nodes of the chat side live, and that nothing is believed of dead ones: their agents have no desktops there.

Each node says again and again that it lives; whoever leads takes back what silent ones had reported.

Source: AG-123, AG-125.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.agents.sessions import Sessions
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn, desk_index
from gateway.store.store import Fence

log = logging.getLogger(__name__)

LIVES_EVERY: Final = 5.0
DEAD_AFTER: Final = 20.0
"""Seconds of silence. A node that was only slow reports everything again (``alive``)."""
SWEEP: Final = "nodes"
"""The deadline at which silent nodes are looked for."""
_NODES: Final = "nodes"
"""Index of the nodes' documents, by when they spoke last."""


class Nodes:
    """All of them, as the store knows them."""

    def __init__(self, side: ChatSide, sessions: Sessions) -> None:
        self._side = side
        self._sessions = sessions
        self.reports: Callable[[], Mapping[str, Any]] = dict
        """What others shall know of this node, as ``said`` gives it to them."""

    async def alive(self) -> bool:
        """This node says that it lives; False if it was thought dead, and nothing is left of what it reported."""
        key = _key(self._side.node)

        async def decision(turn: Turn) -> bool:
            (body,) = await turn.read(key)
            turn.write(key, {**self.reports(), "node": self._side.node}, indexes={_NODES: turn.now})
            return body is not None

        return await self._side.decide(decision)

    async def said(self) -> Sequence[Mapping[str, Any]]:
        """What the nodes that live have reported, this one included. Raises Unavailable."""
        room, alive = self._side.room, self._side.clock() - DEAD_AFTER
        entries = await room.page(_NODES, least=alive, limit=1000)
        return [document.body for document in await room.read(*(each.key for each in entries)) if document is not None]

    async def gone(self) -> None:
        """This node leaves: its agents have no desktops here."""
        await self._forget(self._side.node, None)

    async def sweep(self, fence: Fence) -> None:
        """Take back what silent nodes reported; to be called again at the deadline ``SWEEP``."""

        async def silent(turn: Turn) -> list[str]:
            return await turn.page(_NODES, most=turn.now - DEAD_AFTER)

        for key in await self._side.decide(silent):
            node = key.partition(":")[2]
            if node != self._side.node:
                log.info("a node is silent: what it knew of desktops is forgotten", extra={"node": node})
                await self._forget(node, fence)

        async def again(turn: Turn) -> None:
            turn.deadlines[SWEEP] = turn.now + LIVES_EVERY

        await self._side.decide(again, fence=fence)

    async def _forget(self, node: str, fence: Fence | None) -> None:
        async def there(turn: Turn) -> list[str]:
            return await turn.page(desk_index(node))

        while keys := await self._side.decide(there):
            for key in keys:

                async def unseen(turn: Turn, user: str = key.partition(":")[2]) -> None:
                    await self._sessions.seen(turn, user, node, None)

                await self._side.decide(unseen, fence=fence)

        async def over(turn: Turn) -> None:
            await turn.read(_key(node))
            turn.write(_key(node), None)

        await self._side.decide(over, fence=fence)


async def keep_alive(nodes: Nodes, report_again: Callable[[], None]) -> None:
    """Say again and again that this node lives, until cancelled.

    Args:
        report_again: called when nothing is left of what this node reported.
    """
    is_first = True
    while True:
        try:
            was_known = await nodes.alive()
        except Unavailable:
            log.debug("cannot say that this node lives")
        else:
            if not was_known and not is_first:
                report_again()
            is_first = False
        await asyncio.sleep(LIVES_EVERY)


def _key(node: str) -> str:
    return f"node:{node}"
