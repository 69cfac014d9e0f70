"""A connection on which writing and reading are apart: neither waits for the other, as with commands in a pipeline.

Owns the connection and its end. Who uses it says what to write, and reads by a coroutine of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bayeux.backplane.redis.connecting import LOST, Wire, cut

log: logging.Logger = logging.getLogger(__name__)


class Duplex:
    """Use ``write`` from the beginning, and ``run`` it once.

    Args:
        place: the server, for operators.
    """

    def __init__(self, wire: Wire, place: str) -> None:
        self.place = place
        self.wire = wire
        self._unwritten: list[bytes] = []
        self._written = asyncio.Event()
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Nobody has dropped it, and it is not known to be lost."""
        return not self._ended.done()

    def write(self, packed: bytes) -> None:
        """What is written in one turn of the loop goes out in one piece."""
        self._unwritten.append(packed)
        self._written.set()

    def drop(self, why: str) -> None:
        """Close it, a turn of the loop later."""
        if not self._ended.done():
            self._ended.set_result(why)

    async def run(self, read: Callable[[], Awaitable[None]]) -> str:
        """Write, and have ``read`` go on, until the connection is lost or dropped; it is closed then. Says why."""
        tasks = [
            asyncio.create_task(self._until_lost(work), name=f"Redis: {self.place}") for work in (read, self._write_all)
        ]
        try:
            return await asyncio.shield(self._ended)
        finally:
            self.drop(f"{self.place} was left")
            for task in tasks:
                task.cancel()
            cut(self.wire)
            await asyncio.wait(tasks)

    async def _until_lost(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except LOST as error:
            self.drop(f"{self.place} is lost: {error}")
        except Exception:
            # Of ours; a connection that nobody reads would be worse.
            log.exception("defect in what is done with %s", self.place)
            self.drop(f"{self.place} is lost by a defect of ours")

    async def _write_all(self) -> None:
        while True:
            await self._written.wait()
            self._written.clear()
            packed, self._unwritten = self._unwritten, []
            await self.wire.send_packed_command(packed, check_health=False)
