"""Commands to one server over one connection, pipelined: many are under way at once, answers come in the same order.

Cost a call: its bytes packed once, one deque append, one future; what is sent in a turn of the loop goes out in one
write.
"""

from __future__ import annotations

import asyncio
from collections import deque

from redis import exceptions

from bayeux.backplane.redis.calls import Call
from bayeux.backplane.redis.command import pack
from bayeux.backplane.redis.connecting import LOST, Wire, cut, read
from bayeux.backplane.redis.timing import Timing

_ASKING = pack("ASKING")

GRACE = 0.1
"""Seconds by which a loop may be late before a time-out counts only from then on: the answer may lie there unread."""


class Line:
    """One connection; use ``send`` from the beginning, and ``run`` it.

    Args:
        place: the server, for operators.
    """

    def __init__(self, wire: Wire, place: str, timing: Timing) -> None:
        self.place = place
        self.is_open: bool = True
        self._wire = wire
        self._timing = timing
        self._unwritten: list[bytes] = []
        self._written = asyncio.Event()
        self._under_way: deque[Call] = deque()
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[str] = self._loop.create_future()

    def send(self, call: Call) -> None:
        """Write it in this turn of the loop; ``call`` is told the answer, or that it is lost, never from within."""
        call.due = min(call.deadline, self._loop.time() + self._timing.reply)
        if call.instead is not None:
            self._write(_ASKING, Call(b"", call.due))
            call.instead = None
        self._write(call.packed, call)

    def drop(self, why: str) -> None:
        """Close the connection; all that is under way is lost, a turn of the loop later."""
        self.is_open = False
        if not self._ended.done():
            self._ended.set_result(why)

    async def run(self) -> str:
        """Carry calls until the connection is lost or dropped; says why. What was under way has been told by then."""
        tasks = [asyncio.create_task(work, name=f"Redis: {self.place}") for work in (self._read(), self._send_all())]
        why = f"{self.place} was left"
        try:
            why = await asyncio.shield(self._ended)
        finally:
            self.is_open = False
            for task in tasks:
                task.cancel()
            cut(self._wire)
            await asyncio.wait(tasks)
            if self._alarm is not None:
                self._alarm.cancel()
            while self._under_way:
                self._under_way.popleft().lost(why)
        return why

    def _write(self, packed: bytes, call: Call) -> None:
        self._unwritten.append(packed)
        self._under_way.append(call)
        self._written.set()
        if self._alarm is None:
            self._alarm = self._loop.call_at(call.due, self._check, call.due)

    async def _send_all(self) -> None:
        try:
            while True:
                await self._written.wait()
                self._written.clear()
                packed, self._unwritten = self._unwritten, []
                await self._wire.send_packed_command(packed, check_health=False)
        except LOST as error:
            self.drop(f"{self.place} is lost: {error}")

    async def _read(self) -> None:
        try:
            while True:
                try:
                    reply = await read(self._wire)
                except exceptions.ResponseError as error:
                    reply = error
                self._under_way.popleft().answered(reply)
        except LOST as error:
            self.drop(f"{self.place} is lost: {error}")
        except IndexError:
            self.drop(f"{self.place} answers what was not asked")

    def _check(self, due: float) -> None:
        """Is the oldest call overdue?"""
        self._alarm = None
        if not self._under_way:
            return
        now = self._loop.time()
        oldest = self._under_way[0].due
        if oldest > now:
            self._alarm = self._loop.call_at(oldest, self._check, oldest)
        elif now > due + GRACE:
            self._alarm = self._loop.call_at(now + GRACE, self._check, now + GRACE)
        else:
            self.drop(f"{self.place} does not answer within {self._timing.reply:g} s")
