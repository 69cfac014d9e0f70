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
from bayeux.backplane.redis.connecting import Wire, read
from bayeux.backplane.redis.duplex import Duplex
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
        self._duplex = Duplex(wire, place)
        self._timing = timing
        self._under_way: deque[Call] = deque()
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """It takes calls."""
        return self._duplex.is_open

    def send(self, call: Call) -> None:
        """Write it in this turn of the loop; ``call`` is told the answer, or that it is lost, never from within."""
        call.due = min(call.deadline, self._loop.time() + self._timing.reply)
        if call.instead is not None:
            self._write(_ASKING, Call(b"", call.due))
            call.instead = None
        self._write(call.packed, call)

    def drop(self, why: str) -> None:
        """Close the connection; all that is under way is lost, a turn of the loop later."""
        self._duplex.drop(why)

    async def run(self) -> str:
        """Carry calls until the connection is lost or dropped; says why. What was under way has been told by then."""
        why = f"{self.place} was left"
        try:
            why = await self._duplex.run(self._read)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            while self._under_way:
                self._under_way.popleft().lost(why)
        return why

    def _write(self, packed: bytes, call: Call) -> None:
        self._duplex.write(packed)
        self._under_way.append(call)
        if self._alarm is None:
            self._alarm = self._loop.call_at(call.due, self._check, call.due)

    async def _read(self) -> None:
        while True:
            try:
                reply = await read(self._duplex.wire)
            except exceptions.ResponseError as error:
                reply = error
            if not self._under_way:
                self.drop(f"{self.place} answers what was not asked")
                return
            self._under_way.popleft().answered(reply)

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
