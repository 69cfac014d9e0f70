"""Reading one stream for ever, on a connection of its own that waits in Redis for what comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from bayeux.backplane.redis.connecting import LOST, Server, Wire, ask, cut
from bayeux.backplane.redis.keeper import Keeper

log: logging.Logger = logging.getLogger(__name__)

Entries = Sequence[tuple[bytes, Sequence[bytes]]]
"""Of a stream, oldest first: the id of each, and field, value, field, value, …"""

BATCH = 512
WAITING = 2.0
"""Seconds for which Redis waits for an entry: so long and a reply's time can a silent link go unnoticed."""

_START = b"0-0"


class StreamFollower:
    """What serves the connections that a keeper opens.

    Args:
        place: the server, for operators.
        reply: seconds that an answer may take.
    """

    def __init__(
        self, stream: str, received: Callable[[Entries], None], after: bytes, *, place: str, reply: float
    ) -> None:
        self._stream = stream
        self._received = received
        self._after = after
        self._place = place
        self._reply = reply
        self._task: asyncio.Task[None] | None = None

    def start(self, keeper: Keeper) -> None:
        """Begin; the keeper's ``serve`` is ours."""
        self._task = asyncio.create_task(keeper.run(), name=f"Redis: follows {self._stream}")

    async def stop(self) -> None:
        """Let go of the connection; nothing is handed over any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def serve(self, wire: Wire, server: Server) -> str:
        """Read until the connection is lost."""
        try:
            async with asyncio.timeout(self._reply):
                await self._find_start(wire)
            while True:
                if not await self._read(wire):
                    async with asyncio.timeout(self._reply):
                        await self._find_start(wire)
        except TimeoutError:
            return f"{self._place} does not answer to who follows {self._stream}"
        except LOST as error:
            return f"{self._place} is lost: {error}"
        finally:
            cut(wire)

    async def _find_start(self, wire: Wire) -> None:
        """A server that lost what we have read counts from further back, as does one that let an empty stream expire
        and whose clock was set back since: all it has then is unread.
        """
        last = await ask(wire, "XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        if not last or _number(last[0][0]) < _number(self._after):
            self._after = _START

    async def _read(self, wire: Wire) -> bool:
        """Hand over what comes; whether anything did."""
        async with asyncio.timeout(WAITING + self._reply):
            words = ("XREAD", "COUNT", BATCH, "BLOCK", int(WAITING * 1000), "STREAMS", self._stream, self._after)
            streams = await ask(wire, *words)
        if streams:
            entries = [(entry, fields or ()) for entry, fields in streams[0][1]]
            self._after = entries[-1][0]
            try:
                self._received(entries)
            except Exception:
                log.exception("defect in who reads %s; what follows is read all the same", self._stream)
        return bool(streams)


def _number(entry: bytes) -> tuple[int, int]:
    first, _, second = entry.partition(b"-")
    return int(first), int(second or 0)
