"""The bus of a gateway that is one process: queues in its memory.

Nothing of them outlives the process, so a message is not let go of before it was handled: ``send`` returns when it was
acknowledged or buried, and what was sent is in its sender's outbox until then. Who starts again sends it again, and who
has handled it knows its id.

Source: MRE-2, MRE-121, MRE-125, MRE-128.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage, Delivery
from gateway.routing.bus.dead_letters import DeadLetter, masked

MAX_WAITING: Final = 10_000
"""Messages in a queue; more have to wait in the outbox (MRE-128)."""
MAX_BURIED: Final = 1000
"""Dead letters of a queue; the oldest go first."""

OF_ROLES: Final = (GENERAL, ROUTING_ENGINE, COMMUNICATION_SERVER, CHAT_SERVER)
"""Somebody takes from these, if not yet then soon."""


class QueueFull(Unavailable):
    """More would wait in a queue than it holds."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self._queue = queue

    def __str__(self) -> str:
        return f"queue {self._queue} is full: {MAX_WAITING} messages wait in it"


class BusClosed(Unavailable):
    """The bus was left before the message was handled."""

    def __str__(self) -> str:
        return "the bus was closed"


class MemoryBus:
    """All queues.

    Args:
        clock: seconds since 1970, for dead letters.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._queues: dict[str, _Queue] = {name: _Queue(name) for name in OF_ROLES}
        self._dead: dict[str, deque[DeadLetter]] = {}

    async def open(self) -> None:
        """There is nothing to reach."""

    async def close(self) -> None:
        """Who waits for what he sent is told that it was not handled."""
        for queue in self._queues.values():
            queue.close()

    async def send(self, queue: str, *messages: BusMessage) -> None:
        """Returns when they were handled; one that waits already is not put a second time.

        Raises Unavailable: the queue is full, or the bus was closed.
        """
        if queue not in self._queues:
            for message in messages:
                self._bury(queue, _Waiting(message, self._clock()), "nobody takes from this queue")
            return
        sent = self._queues[queue].put(messages, self._clock())
        # Not gathered: a sender that is cancelled takes none of them back.
        await asyncio.wait([each.handled for each in sent])
        if not all(each.handled.result() for each in sent):
            raise BusClosed()

    async def consumer(self, queue: str, group: str, name: str) -> MemoryConsumer:
        """Begin to take from a queue; a message has one consumer, whatever his group."""
        return MemoryConsumer(self._queues.setdefault(queue, _Queue(queue)), self._bury)

    async def dead_letters(self, queue: str, limit: int = 100) -> Sequence[DeadLetter]:
        """What was buried of a queue, oldest first."""
        return list(self._dead.get(queue, ()))[:limit]

    async def count_dead(self, queue: str) -> int:
        """How many there are."""
        return len(self._dead.get(queue, ()))

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Keep it no longer."""
        kept = self._dead.get(letter.queue, deque())
        if letter in kept:
            kept.remove(letter)

    def _bury(self, queue: str, waiting: _Waiting, reason: str) -> None:
        letter = DeadLetter(masked(waiting.message), queue, reason, waiting.tries, waiting.since, self._clock())
        self._dead.setdefault(queue, deque(maxlen=MAX_BURIED)).append(letter)


class MemoryConsumer:
    """One that takes from a queue.

    Args:
        bury: keeps what could not be handled.
    """

    def __init__(self, queue: _Queue, bury: Callable[[str, _Waiting, str], None]) -> None:
        self._queue = queue
        self._bury = bury
        self._taken: dict[str, _Waiting] = {}
        """What is to be acknowledged, in the order in which it came."""

    async def receive(self, limit: int = 100) -> Sequence[Delivery]:
        """What has come, oldest first; waits until there is something."""
        taken = await self._queue.take(limit)
        self._taken.update((each.message.id, each) for each in taken)
        return [Delivery(each.message, self._queue.name, each.tries, each.message.id) for each in taken]

    async def acknowledge(self, *deliveries: Delivery) -> None:
        """They were handled; their senders go on."""
        for delivery in deliveries:
            self._end(delivery)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """To the dead letters."""
        waiting = self._end(delivery)
        if waiting is not None:
            self._bury(self._queue.name, waiting, reason)

    async def close(self) -> None:
        """What was not acknowledged waits again, before all else."""
        self._queue.give_back(list(self._taken.values()))
        self._taken.clear()

    def _end(self, delivery: Delivery) -> _Waiting | None:
        waiting = self._taken.pop(delivery.handle, None)
        if waiting is not None:
            self._queue.end(waiting)
        return waiting


class _Waiting:
    """A message that was not handled yet.

    Args:
        since: when it came.
    """

    def __init__(self, message: BusMessage, since: float) -> None:
        self.message = message
        self.since = since
        self.tries = 0
        self.handled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """False: it never will be, as the bus was closed."""


class _Queue:
    """Order, bounds and who waits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[_Waiting] = deque()
        self._by_id: dict[str, _Waiting] = {}
        """All that was not handled, also what a consumer has."""
        self._came = asyncio.Event()

    def put(self, messages: Sequence[BusMessage], now: float) -> list[_Waiting]:
        """At the end, all or none. Raises QueueFull."""
        if len(self._by_id) + len(messages) > MAX_WAITING:
            raise QueueFull(self.name)
        sent = []
        for message in messages:
            waiting = self._by_id.get(message.id)
            if waiting is None:
                waiting = self._by_id[message.id] = _Waiting(message, now)
                self._waiting.append(waiting)
            sent.append(waiting)
        self._came.set()
        return sent

    async def take(self, limit: int) -> list[_Waiting]:
        """From the front; waits until there is something."""
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        for each in taken:
            each.tries += 1
        return taken

    def give_back(self, taken: Sequence[_Waiting]) -> None:
        """They come again."""
        self._waiting.extendleft(reversed(taken))
        self._came.set()

    def end(self, waiting: _Waiting) -> None:
        """It was handled."""
        if self._by_id.pop(waiting.message.id, None) is not None:
            waiting.handled.set_result(True)

    def close(self) -> None:
        """None of them will be handled."""
        self._waiting.clear()
        for waiting in self._by_id.values():
            waiting.handled.set_result(False)
        self._by_id.clear()
