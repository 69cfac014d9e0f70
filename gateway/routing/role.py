"""A role on one node: it stands by until it holds the role's lease, then does the role's duty, alone of all nodes.

Owns who reigns and for how long, that messages of a queue are handled one after the other, how often one is tried, and
that deadlines are kept. What is to be done with a message is the duty's; that it is done once, the store's, which
refuses what was taken already and what comes under a lease that was lost.

Source: MRE-120, MRE-121, MRE-123, MRE-125, MRE-126, MRE-151.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from bayeux.protocol.errors import Unavailable
from bayeux.server.counters import SECONDS, Histogram
from gateway.routing.bus.bus import Bus, BusMessage, Consumer, Delivery
from gateway.routing.bus.pauses import Pauses
from gateway.routing.heard import Heard
from gateway.routing.messages import MESSAGES
from gateway.routing.outbox import Pump
from gateway.store.store import Changes, Conflict, Deadline, Fence, LeaseLost, Room, TakenAlready

log = logging.getLogger(__name__)

LEASE: Final = "role"
"""What the lease is called, in the room of each role."""
LEASE_TTL: Final = 5.0
"""Seconds that it is held for; it is renewed after a third of them (MRE-123)."""
LOOK: Final = 0.5
"""Seconds between two looks at a lease that another one holds, or at deadlines: they may be set on other nodes."""
MAX_TRIES: Final = 5
"""Then a message is buried (MRE-125)."""
MOST_TOGETHER: Final = 16
"""Messages whose effects share a commit; the event loop waits for all of them to be decided, about 3 ms."""
PUT_OFF: Final = 30.0
"""Seconds until a deadline comes again whose handling failed."""


class Duty(Protocol):
    """What a role does while it reigns. It is asked for one thing at a time.

    A method that raises Unavailable or Conflict ends the reign, and a next one begins: what the duty knows might be
    wrong. LeaseLost does, too. TakenAlready says that the work was done before.
    """

    async def begin(self, fence: Fence) -> None:
        """The reign begins; nothing may be committed but under this fence."""

    async def receive(self, queue: str, message: BusMessage) -> str:
        """Handle it, or refuse it if it is past ``expires``; when this returns, what follows is stored with its id.

        Returns why it goes to the dead letters as well, or an empty text.
        """

    async def expire(self, deadline: Deadline) -> None:
        """It is due; returns when it is stored that it is over, or when it comes again."""

    def end(self) -> None:
        """The reign is over: forget what was known."""


@runtime_checkable
class Attentive(Protocol):
    """A duty that follows more than messages and deadlines."""

    async def look(self) -> None:
        """Store what follows from what has changed elsewhere; asked at least every LOOK. Raises as the duty does."""


class OneByOne(Exception):
    """Nothing of what came together was stored; each has to be handled by itself."""


@runtime_checkable
class Together(Protocol):
    """A duty that can store in one commit what follows from several messages."""

    async def receive_together(self, queue: str, messages: Sequence[BusMessage]) -> Sequence[str]:
        """As ``receive`` of one after the other. Raises OneByOne: one was taken before, or is a defect's."""


class ReignBroken(Exception):
    """The store was away or another one has written: begin anew from what is stored."""


TYPES: Final = frozenset(name for name, _ in MESSAGES)
OTHER: Final = "other"
"""What all other types are counted as: anybody on the bus may invent some."""


@dataclass(slots=True)
class Tally:
    """What a role counts."""

    reigns: int = 0
    handled: int = 0
    redelivered: int = 0
    buried: int = 0
    seconds: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(lambda: Histogram(SECONDS)))
    """How long handling took until it was stored, by type; of those stored together, each its share."""

    def took(self, message: BusMessage, seconds: float) -> None:
        """One message was handled."""
        self.handled += 1
        self.seconds[message.type if message.type in TYPES else OTHER].observe(seconds)


class Role:
    """Use: make it, have a task ``run`` it, cancel that at the end.

    Args:
        name: of the role, for operators.
        node: this node's id.
        queues: those it takes from, each with the name of its group there (MRE-141).
        pumps: of its room's outbox; they run while it reigns.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        duty: Duty,
        room: Room,
        bus: Bus,
        *,
        name: str,
        node: str,
        queues: Mapping[str, str],
        pumps: Sequence[Pump],
        lease_ttl: float = LEASE_TTL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tally: Tally = Tally()
        self.is_reigning: bool = False
        self._duty = duty
        self._room = room
        self._bus = bus
        self._name = name
        self._node = node
        self._queues = queues
        self._pumps = pumps
        self._ttl = lease_ttl
        self._clock = clock
        # A node that starts again under its old name has another one: its predecessor's commits must not pass.
        self._holder = f"{node}/{uuid.uuid4().hex}"
        self._turn = asyncio.Lock()
        self._heard = Heard(queues)
        self._excused: dict[str, Mapping[str, int]] = {}
        """Of each queue, which messages have come how often for no fault of theirs."""

    async def run(self) -> None:
        """Stand by, reign, stand by, …; until cancelled."""
        is_away = False
        while True:
            try:
                fence = await self._room.claim(LEASE, self._holder, self._ttl)
                is_away = False
                if fence is not None:
                    await self._reign(fence)
            except* LeaseLost:
                log.warning("%s: this node holds its lease no more", self._name, extra={"event": "role_lost"})
            except* (ReignBroken, Unavailable) as group:
                level = logging.DEBUG if is_away else logging.WARNING  # told once while a store is away
                log.log(level, "%s begins anew: %s", self._name, group.exceptions[0], extra={"event": "role_broken"})
                is_away = True
            except* Exception:
                log.exception("defect in the role %s; it begins anew", self._name)
            await asyncio.sleep(LOOK)

    async def _reign(self, fence: Fence) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hold(fence), name=f"{self._name}: holds its lease")
                await self._begin(fence)
                tasks.create_task(self._keep_deadlines(fence), name=f"{self._name}: keeps deadlines")
                for pump in self._pumps:
                    tasks.create_task(pump.run(), name=f"{self._name}: empties its outbox")
                for queue, group in self._queues.items():
                    tasks.create_task(self._serve(queue, group), name=f"{self._name}: takes from {queue}")
        finally:
            self.is_reigning = False
            self._duty.end()
            await self._release(fence)

    async def _begin(self, fence: Fence) -> None:
        try:
            await self._duty.begin(fence)
        except (Conflict, Unavailable) as error:
            raise ReignBroken(str(error)) from error
        self.is_reigning = True
        self.tally.reigns += 1
        log.info("%s: this node has taken over", self._name, extra={"event": "role_begins", "fence": fence.number})

    # Lease ------------------------------------------------------------------------------------

    async def _hold(self, fence: Fence) -> None:
        """Renew it. Raises LeaseLost when it may be another one's."""
        loop = asyncio.get_running_loop()
        held_until = loop.time() + self._ttl
        while True:
            await asyncio.sleep(self._ttl / 3)
            asked = loop.time()
            try:
                renewed = await self._room.claim(LEASE, self._holder, self._ttl)
            except Unavailable:
                if loop.time() < held_until:
                    continue
                raise LeaseLost() from None
            if renewed != fence:
                raise LeaseLost()
            held_until = asked + self._ttl

    async def _release(self, fence: Fence) -> None:
        try:
            await self._room.release(fence)
        except Unavailable as error:
            log.debug("%s: its lease has to run out: %s", self._name, error)

    # Deadlines --------------------------------------------------------------------------------

    async def _keep_deadlines(self, fence: Fence) -> None:
        while True:
            try:
                if isinstance(self._duty, Attentive):
                    async with self._turn:
                        await self._duty.look()
                nearest = await self._room.next_deadline()
                if nearest is not None and nearest <= (now := self._clock()):
                    await self._heard.until(now)
                    while await self._expire_one(now, fence):
                        pass
                    continue
            except (Conflict, Unavailable) as error:
                raise ReignBroken(str(error)) from error
            ahead = LOOK if nearest is None else nearest - self._clock()
            await asyncio.sleep(min(max(ahead, 0.0), LOOK))

    async def _expire_one(self, now: float, fence: Fence) -> bool:
        """The earliest that was due by then; whether there was one."""
        async with self._turn:  # what is read as due no message can end meanwhile
            for deadline in await self._room.due(now, 1):
                try:
                    await self._duty.expire(deadline)
                except (Conflict, LeaseLost, Unavailable):
                    raise
                except Exception:
                    log.exception("defect in the role %s; deadline %s is put off", self._name, deadline.name)
                    later = {deadline.name: self._clock() + PUT_OFF}
                    await self._room.commit(Changes(deadlines=later, fence=fence))
                return True
        return False

    # Messages ---------------------------------------------------------------------------------

    async def _serve(self, queue: str, group: str) -> None:
        """Take from a queue; where the bus is away, wait until it is back."""
        pauses = Pauses()
        while True:
            try:
                consumer = await self._bus.consumer(queue, group, self._node)
                try:
                    while True:
                        self._heard.listens(queue)
                        deliveries = await consumer.receive()
                        self._heard.hears(queue)
                        pauses.end()
                        await self._settle(consumer, deliveries)
                        self._heard.handled(queue, deliveries[-1].message)
                finally:
                    self._heard.hears(queue)
                    await consumer.close()
            except Unavailable as error:
                if pauses.are_over:
                    log.warning("%s waits for %s: %s", self._name, queue, error, extra={"event": "bus_away"})
                await asyncio.sleep(pauses.next())

    async def _settle(self, consumer: Consumer, deliveries: Sequence[Delivery]) -> None:
        """Handle them, in order, then let the bus forget them. Raises Unavailable of the bus."""
        try:
            for first in range(0, len(deliveries), MOST_TOGETHER):
                group = deliveries[first : first + MOST_TOGETHER]
                reasons = await self._handle_together(group) or [await self._handle(each) for each in group]
                await self._forget(consumer, group, reasons)
        except BaseException as error:
            if not isinstance(error.__cause__, Conflict):
                self._excuse(deliveries)
            raise
        self._excused.pop(deliveries[0].queue, None)

    def _excuse(self, deliveries: Sequence[Delivery]) -> None:
        """They come again because the store or the lease was lost: for that none is buried."""
        known = self._excused.get(deliveries[0].queue, {})
        excused = {each.message.id: known.get(each.message.id, 0) + 1 for each in deliveries}
        self._excused[deliveries[0].queue] = excused

    async def _forget(self, consumer: Consumer, deliveries: Sequence[Delivery], reasons: Sequence[str]) -> None:
        """Acknowledge what was handled, bury what has a reason."""
        done = []
        for delivery, reason in zip(deliveries, reasons, strict=True):
            if reason:
                self.tally.buried += 1
                log.warning(
                    "%s could not be handled, and is among the dead letters of %s: %s",
                    delivery.message.type,
                    delivery.queue,
                    reason,
                    extra={"event": "message_buried", "id": delivery.message.id},
                )
                await consumer.bury(delivery, reason)
            else:
                done.append(delivery)
        await consumer.acknowledge(*done)

    async def _handle_together(self, deliveries: Sequence[Delivery]) -> Sequence[str]:
        """As ``_handle`` of each; empty where that has to be done."""
        if not isinstance(self._duty, Together) or len(deliveries) < 2 or any(each.tries > 1 for each in deliveries):
            return ()
        try:
            async with self._turn:
                begun = time.perf_counter()
                reasons = await self._duty.receive_together(deliveries[0].queue, [each.message for each in deliveries])
        except OneByOne:
            return ()
        except (Conflict, Unavailable) as error:
            raise ReignBroken(str(error)) from error
        share = (time.perf_counter() - begun) / len(deliveries)
        for delivery in deliveries:
            self.tally.took(delivery.message, share)
        return reasons

    async def _handle(self, delivery: Delivery) -> str:
        """Once and in its turn; why it is to be buried, or an empty text."""
        message = delivery.message
        self.tally.redelivered += delivery.tries > 1
        tries = delivery.tries - self._excused.get(delivery.queue, {}).get(message.id, 0)
        for attempt in range(max(tries, 1), MAX_TRIES + 1):
            try:
                async with self._turn:
                    begun = time.perf_counter()
                    reason = await self._duty.receive(delivery.queue, message)
            except TakenAlready:
                return ""
            except (Conflict, Unavailable) as error:
                raise ReignBroken(str(error)) from error
            except LeaseLost:
                raise
            except Exception as error:
                if attempt == MAX_TRIES:
                    log.exception("defect in the role %s", self._name)
                    return f"tried {attempt} times, last: {type(error).__name__}"
                await asyncio.sleep(0)  # another queue's message may change what it fails for
            else:
                self.tally.took(message, time.perf_counter() - begun)
                return reason
        return f"tried {delivery.tries - 1} times, and never handled to the end"
