"""What was committed and has to leave: handed on from the outbox of a room, in order, until it has left.

A commit writes what it announces into a lane of the outbox in the same step, so a crash behind it loses nothing. Who
has committed asks the pump to hurry; the pump takes a lane from its oldest entry on, so nothing overtakes. Where two
nodes pump one lane, an entry may leave twice, under the same id.

Source: MRE-120, MRE-137.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Final

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.bus import Bus, BusMessage
from gateway.routing.bus.pauses import Pauses
from gateway.routing.machine import Sending
from gateway.store.store import Changes, Outgoing, Room

log = logging.getLogger(__name__)

BUS_LANE: Final = "bus"
"""Of messages to other roles."""
BATCH: Final = 100
"""Entries that are read and leave together."""
SWEEP: Final = 2.0
"""Seconds after which a lane is looked at though nobody asked: for what others have committed and could not send."""

_KEPT: Final = tuple(each.name for each in fields(BusMessage) if each.name != "body")

Leave = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Takes entries, oldest first, and returns when they will not be lost. Raises Unavailable, and is given them again."""


class Pump:
    """One lane of one room.

    Args:
        leave: where its entries go.
    """

    def __init__(self, room: Room, lane: str, leave: Leave) -> None:
        self._room = room
        self._lane = lane
        self._leave = leave
        self._turn = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._pauses = Pauses()

    @property
    def is_stuck(self) -> bool:
        """What there is cannot leave at present."""
        return not self._pauses.are_over

    def hurry(self) -> None:
        """There is something to hand on; ``run`` does it."""
        self._wanted.set()

    async def drain(self) -> None:
        """Hand on what there is, then return. Raises Unavailable, and what is left stays."""
        async with self._turn:
            while entries := await self._room.outbox(self._lane, BATCH):
                await self._leave(entries)
                await self._room.commit(Changes(sent=[entry.id for entry in entries]))

    async def run(self) -> None:
        """Hand on whatever comes, until cancelled. While it cannot leave it waits, however long that takes."""
        pauses = self._pauses
        while True:
            self._wanted.clear()
            try:
                await self.drain()
            except Unavailable as error:
                if pauses.are_over:
                    log.warning("%s waits in the outbox: %s", self._lane, error, extra={"event": "outbox_waits"})
                await asyncio.sleep(pauses.next())
                continue
            except Exception:
                log.exception("defect in emptying the outbox of %s", self._lane)
                await asyncio.sleep(pauses.next())
                continue
            if not pauses.are_over:
                log.info("%s leaves the outbox again", self._lane, extra={"event": "outbox_leaves"})
                pauses.end()
            try:
                async with asyncio.timeout(SWEEP):
                    await self._wanted.wait()
            except TimeoutError:
                pass  # a look all the same


def bus_pump(room: Room, bus: Bus) -> Pump:
    """The lane of messages to other roles, into the queues they are for."""

    async def leave(entries: Sequence[Outgoing]) -> None:
        sendings = [as_sending(entry) for entry in entries]
        outcomes = await asyncio.gather(
            *(
                bus.send(queue, *(each.message for each in sendings if each.queue == queue))
                for queue in dict.fromkeys(each.queue for each in sendings)
            ),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    return Pump(room, BUS_LANE, leave)


def as_outgoing(sending: Sending) -> Outgoing:
    """A message as it stands in the outbox."""
    message = sending.message
    fields = {name: getattr(message, name) for name in _KEPT}
    return Outgoing(message.id, BUS_LANE, {"queue": sending.queue, "body": message.body.decode(), **fields})


def as_sending(outgoing: Outgoing) -> Sending:
    """The same, the other way round."""
    kept = outgoing.body
    message = BusMessage(body=kept["body"].encode(), **{name: kept[name] for name in _KEPT})
    return Sending(kept["queue"], message)
