"""A stand-in for the telephone switch and for agents at telephones.

It reports what a switch would: a call that was matched is at its callback's, a target is reserved for it, and both talk
at once. A callback stands in the same queues as chats until then, so its place and estimate are real.

Source: MI-8, SM-25, SM-32, SM-40.
"""

from __future__ import annotations

from gateway.callback.events import AgentConnected, AgentReserved
from gateway.callback.threshold import QueueReport
from gateway.callbacks.router import Listener, Places


class Switch:
    """See ``Router``: nobody rejects, and nobody lets it ring.

    Args:
        places: where callbacks stand until their customers call.
        listener: is told what becomes of them.
    """

    def __init__(self, places: Places, listener: Listener) -> None:
        self._places = places
        self._listener = listener

    async def join(self, id: str, queue: str, *, since: float) -> None:
        """A place among those who wait for a chat or call."""
        await self._places.join(id, queue, since=since)

    async def look(self, id: str) -> QueueReport | None:
        """Where that is."""
        return await self._places.look(id)

    async def leave(self, id: str) -> None:
        """Nobody waits any more."""
        await self._places.leave(id)

    async def route(self, id: str, queue: str, *, since: float) -> None:
        """A target of the queue is reserved, and talks; the place is free before anybody hears of it."""
        await self._places.join(id, queue, since=since)
        await self._places.leave(id)
        await self._listener(id, AgentReserved(), once=f"switch:{id}:reserved")
        await self._listener(id, AgentConnected(), once=f"switch:{id}:connected")

    async def next_target(self, id: str, *, rejections: int) -> None:
        """Nobody has rejected."""
