"""A machine on duty: its steps are stored before they are known, and announced after.

Each document of the machine is one of its room, and stands in the index ``all`` there, by which a next reign finds
them. What was taken is written down for every message, also for one that changes nothing: one that is delivered
twice must not be handled anew after others that came later. It is a document of its own, so that one commit can take
several messages. Of these the later ones are decided on what the earlier ones have changed, before that is stored; if
it cannot be stored, all is forgotten and read anew.

Source: MRE-4, MRE-120, MRE-122, MRE-126.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.bus import BusMessage
from gateway.routing.machine import Machine, NewId, Step
from gateway.routing.outbox import Pump, as_outgoing
from gateway.routing.role import OneByOne
from gateway.store.store import Changes, Conflict, Deadline, Document, Fence, LeaseLost, Room, TakenAlready, Write

ALL: Final = "all"
"""The index that each document stands in."""
TAKEN: Final = "taken:"
"""What keys of documents begin with that stand for messages."""
REMEMBERED: Final = 24 * 60 * 60.0
"""Seconds for which a message that comes again is known (MRE-120)."""
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
            await self._commit(step, [_mark(queue, message)])
        except TakenAlready:
            pass  # it may still have to be buried: that is no part of the commit
        else:
            self._machine.adopt(step)
        return step.buried

    async def receive_together(self, queue: str, messages: Sequence[BusMessage]) -> Sequence[str]:
        """Store what follows from all of them in one commit. Raises OneByOne."""
        steps = []
        try:
            for message in messages:
                step = self._machine.receive(queue, message, self._clock(), self._new_id)
                self._machine.adopt(step)
                steps.append(step)
            await self._commit(_joined(steps), [_mark(queue, message) for message in messages])
        except (Conflict, LeaseLost, Unavailable):
            raise
        except Exception as error:  # a defect, or one was taken before: who handles each by itself finds out
            if self._fence is not None:
                await self.begin(self._fence)
            raise OneByOne from error
        return [step.buried for step in steps]

    async def expire(self, deadline: Deadline) -> None:
        """Store what follows, and that it is over."""
        step = self._machine.expire(deadline.name, self._clock(), self._new_id)
        step = replace(step, deadlines={deadline.name: None, **step.deadlines})
        await self._commit(step)
        self._machine.adopt(step)

    def end(self) -> None:
        """Know nothing."""
        self._fence = None
        self._versions = {}
        self._machine.load(())

    async def _commit(self, step: Step, marks: Sequence[Write] = ()) -> None:
        """Store a step and what it answers. Raises as ``Room.commit``."""
        writes = [
            Write(key, body, self._versions.get(key, 0), {ALL: 0.0})
            for key, body in step.documents.items()
            if body is not None or key in self._versions
        ]
        outgoing = [as_outgoing(sending) for sending in step.messages]
        try:
            versions = await self._room.commit(
                Changes(writes=[*marks, *writes], deadlines=step.deadlines, outgoing=outgoing, fence=self._fence)
            )
        except Conflict as conflict:
            if conflict.key.startswith(TAKEN):
                raise TakenAlready(conflict.key) from None
            raise
        for write in writes:
            if write.body is None:
                del self._versions[write.key]
            else:
                self._versions[write.key] = versions[write.key]
        if outgoing:
            self._pump.hurry()


def _mark(queue: str, message: BusMessage) -> Write:
    """That a message was taken; there may be none yet. Two queues may have had the same idea of an id."""
    return Write(f"{TAKEN}{queue}/{message.id}", {}, 0, ttl=REMEMBERED)


def _joined(steps: Sequence[Step]) -> Step:
    """One step for several: of a document and a deadline the last word counts."""
    documents: dict[str, Mapping[str, Any] | None] = {}
    deadlines: dict[str, float | None] = {}
    for step in steps:
        documents |= step.documents
        deadlines |= step.deadlines
    return Step(documents=documents, deadlines=deadlines, messages=[each for step in steps for each in step.messages])
