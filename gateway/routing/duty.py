"""A machine on duty: its steps are stored before they are known, and announced after.

Each document of the machine is one of its room, and stands in the index ``all`` there, by which a next reign finds
them. A commit is made for every message, also for one that changes nothing: one that is delivered twice must not be
handled anew after others that came later.

Source: MRE-4, MRE-120, MRE-122, MRE-126.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.routing.bus.bus import BusMessage
from gateway.routing.machine import Machine, NewId, Step
from gateway.routing.outbox import Pump, as_outgoing
from gateway.store.store import Changes, Deadline, Document, Fence, Room, TakenAlready, Write

ALL: Final = "all"
"""The index that each document stands in."""
PAGE: Final = 500
"""Documents read at once."""


class MachineDuty:
    """What a role with a pure machine does.

    Args:
        room: the role's own.
        pump: carries its messages off.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        machine: Machine,
        room: Room,
        pump: Pump,
        *,
        clock: Callable[[], float] = time.time,
        new_id: NewId = lambda: str(uuid.uuid4()),
    ) -> None:
        self._machine = machine
        self._room = room
        self._pump = pump
        self._clock = clock
        self._new_id = new_id
        self._versions: dict[str, int] = {}
        self._fence: Fence | None = None

    async def begin(self, fence: Fence) -> None:
        """Know what is stored."""
        self._fence = fence
        documents: list[Document] = []
        seen = 0
        while entries := await self._room.page(ALL, offset=seen, limit=PAGE):
            seen += len(entries)
            documents += filter(None, await self._room.read(*(entry.key for entry in entries)))
        self._versions = {each.key: each.version for each in documents}
        self._machine.load(documents)

    async def receive(self, queue: str, message: BusMessage) -> str:
        """Store what follows; why the message is to be buried, if it is."""
        step = self._machine.receive(queue, message, self._clock(), self._new_id)
        try:
            # Two producers may have had the same idea of an id, for different queues.
            await self._store(step, taken=f"{queue}/{message.id}")
        except TakenAlready:
            pass  # it may still have to be buried: that is no part of the commit
        return step.buried

    async def expire(self, deadline: Deadline) -> None:
        """Store what follows, and that it is over."""
        step = self._machine.expire(deadline.name, self._clock(), self._new_id)
        await self._store(replace(step, deadlines={deadline.name: None, **step.deadlines}))

    def end(self) -> None:
        """Know nothing."""
        self._fence = None
        self._versions = {}
        self._machine.load(())

    async def _store(self, step: Step, taken: str = "") -> None:
        """Commit the step; then, and not before, it has happened. Raises as ``Room.commit``."""
        writes = [
            Write(key, body, self._versions.get(key, 0), {ALL: 0.0})
            for key, body in step.documents.items()
            if body is not None or key in self._versions
        ]
        outgoing = [as_outgoing(sending) for sending in step.messages]
        await self._room.commit(
            Changes(writes=writes, deadlines=step.deadlines, outgoing=outgoing, taken=taken, fence=self._fence)
        )
        for write in writes:
            if write.body is None:
                del self._versions[write.key]
            else:
                self._versions[write.key] = write.version + 1
        self._machine.adopt(step)
        if outgoing:
            self._pump.hurry()
