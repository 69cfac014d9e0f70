"""What finds an agent for a callback: a place in a queue first, then a target.

Everything may be asked twice, for who asks may have died before he noted that he did: the second time changes nothing.
Of one callback things are asked in their order; what is asked too late (a place for who has left) does no harm, either.

Source: SM-20, SM-25, SM-40…43, SM-70; TH-1, TH-11.
"""

from __future__ import annotations

from typing import Protocol

from gateway.callback.events import News
from gateway.callback.threshold import QueueReport


class QueueUnknown(Exception):
    """There is no such queue, or none of that media: nobody can be asked (SM-43)."""


class Listener(Protocol):
    """Is told what becomes of a callback: ``AgentReserved``, ``AgentRejected``, ``AgentConnected`` and so on."""

    async def __call__(self, id: str, news: News, /, *, once: str = "") -> None:
        """Stored when it returns; nothing, where there is no such callback.

        Args:
            once: the same for a repetition of the same news; empty: it may be told twice without harm.

        Raises Unavailable: tell it again.
        """


class Places(Protocol):
    """Where callbacks stand in queues before their customers are there. All methods raise Unavailable."""

    async def join(self, id: str, queue: str, *, since: float) -> None:
        """Give it a place, which counts for all who wait there and is offered to nobody. One that it has it keeps.

        Args:
            id: the callback's.
            queue: of the routing engine.
            since: when it began to wait, seconds since 1970: before all who came later, also when it is given anew.

        Raises QueueUnknown.
        """

    async def look(self, id: str) -> QueueReport | None:
        """How it stands there; None: it has no place.

        Raises Unavailable also while the place is on its way into the queue.
        """

    async def leave(self, id: str) -> None:
        """Give up the place and whoever was asked; who has left is given no place again."""


class Router(Places, Protocol):
    """Also asks agents. What comes of it is told to the ``Listener`` that it was made with."""

    async def route(self, id: str, queue: str, *, since: float) -> None:
        """The customer is there: ask an agent; from its place, if it has one, else as who has waited since then.

        Raises QueueUnknown.
        """

    async def next_target(self, id: str, *, rejections: int) -> None:
        """Release who was asked, and ask another one; nothing, where that was done.

        Args:
            rejections: how many have not taken the customer by now: the same for a repetition.
        """


class Nowhere:
    """The router of a gateway that has no agents: there is no queue."""

    async def join(self, id: str, queue: str, *, since: float) -> None:
        """Raises QueueUnknown."""
        raise QueueUnknown(queue)

    async def look(self, id: str) -> QueueReport | None:
        """There is no place."""
        return None

    async def leave(self, id: str) -> None:
        """There is nothing to give up."""

    async def route(self, id: str, queue: str, *, since: float) -> None:
        """Raises QueueUnknown."""
        raise QueueUnknown(queue)

    async def next_target(self, id: str, *, rejections: int) -> None:
        """Nobody was asked."""
