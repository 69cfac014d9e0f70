"""The bus on a JMS broker, by STOMP 1.2; made for Apache ActiveMQ.

The broker gives again what was not acknowledged when a subscription ends, with its connection or before. It does not
tell how often it has given a message, only whether for the first time.

Source: MRE-2, MRE-130…139.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Final

import stompman

from gateway.routing.bus.broker import Broker
from gateway.routing.bus.bus import BusMessage, Delivery
from gateway.routing.bus.dead_letters import DeadLetter, masked
from gateway.routing.bus.pauses import Pauses
from gateway.routing.bus.stomp_connection import PATIENCE, BrokerAway, Headers, StompConnection, frame
from gateway.routing.bus.stomp_headers import (
    CONTENT_TYPE,
    QUEUES,
    Destinations,
    dead_letter_of,
    headers_of,
    headers_of_dead,
    message_of,
)

log = logging.getLogger(__name__)

PREFETCH: Final = 100
"""Messages that the broker sends ahead of acknowledgements."""
MOST_SHOWN: Final = 400
"""Messages of a queue that ActiveMQ shows to who only looks, unless it is configured otherwise."""


class StompBus:
    """All queues.

    Args:
        brokers: the first that can be reached is used, the next one when it is lost.
        node: this node's id.
        prefix: what the queues' destinations begin with, for all who use them.
        clock: seconds since 1970, for dead letters.

    Raises ValueError: there is no broker.
    """

    def __init__(
        self, brokers: Sequence[Broker], *, node: str, prefix: str = QUEUES, clock: Callable[[], float] = time.time
    ) -> None:
        if not brokers:
            raise ValueError("no broker is named")
        self._brokers = brokers
        self._node = node
        self._destinations = Destinations(prefix)
        self._clock = clock
        self._connection: StompConnection | None = None
        self._connected = asyncio.Event()
        self._trouble = f"{brokers[0]} is not connected yet"
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to connect; what fails is tried again for ever."""
        self._keeper = asyncio.create_task(self._keep(), name="STOMP: keeps a connection")
        try:
            await self._reach()
        except BrokerAway:
            pass  # logged, and tried again

    async def close(self) -> None:
        """Leave it; what waits fails."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def send(self, queue: str, *messages: BusMessage) -> None:
        """Returns when the broker has them on its disk. Raises Unavailable; ValueError for a body with a NUL."""
        frames = [
            send_frame(self._destinations.queue(queue), headers_of(message, self._destinations), message.body)
            for message in messages
        ]
        connection = await self._reach()
        await connection.confirm(*frames)

    async def consumer(self, queue: str, group: str, name: str) -> StompConsumer:
        """Begin to take from a queue; the only one the broker gives its messages to. Raises Unavailable."""
        connection = await self._reach()
        consumer = StompConsumer(connection, self._destinations, queue, self._clock)
        await consumer.begin()
        return consumer

    async def dead_letters(self, queue: str, limit: int = 100) -> Sequence[DeadLetter]:
        """What was buried of a queue, oldest first. Raises Unavailable."""
        connection = await self._reach()
        browser = Browser()
        headers = {"ack": "auto", "browser": "true"}
        id = await connection.subscribe(browser, self._destinations.dead(queue), headers)
        try:
            found = await browser.all()
        finally:  # who counts them for metrics does not wait for long
            await connection.unsubscribe(id)
        return [dead_letter_of(queue, headers, body, self._destinations) for headers, body in found[:limit]]

    async def count_dead(self, queue: str) -> int:
        """How many the broker shows to who looks; of very many it shows the oldest. Raises Unavailable."""
        return len(await self.dead_letters(queue, MOST_SHOWN))

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Take it, and say that it was handled. Raises Unavailable."""
        connection = await self._reach()
        taker = Taker()
        quoted = letter.message.id.replace("'", "''")
        headers = {"ack": "client-individual", "activemq.prefetchSize": "1", "selector": f"msgId = '{quoted}'"}
        id = await connection.subscribe(taker, self._destinations.dead(letter.queue), headers)
        try:
            handle = await taker.first()
            if handle:
                await connection.confirm(frame(stompman.AckFrame, {"id": handle}))
        finally:
            await connection.unsubscribe(id)

    async def _reach(self) -> StompConnection:
        """The connection; waits a moment for one."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connected.wait()
        except TimeoutError:
            raise BrokerAway(self._trouble) from None
        assert self._connection is not None
        return self._connection

    async def _keep(self) -> None:
        """One broker after the other, for ever."""
        pauses = Pauses()
        for broker in cycle(self._brokers):
            try:
                self._connection = await StompConnection.open(broker)
            except BrokerAway as error:
                why = error.why
            else:
                log.info("connected with %s", broker, extra={"event": "bus_connected"})
                pauses.end()
                self._connected.set()
                try:
                    why = await self._connection.run()
                finally:
                    self._connected.clear()
            self._trouble = why
            if pauses.are_over:
                log.warning("%s", why, extra={"event": "bus_away"})
            await asyncio.sleep(pauses.next())


class StompConsumer:
    """One that takes from a queue, for as long as its connection lasts."""

    def __init__(
        self, connection: StompConnection, destinations: Destinations, queue: str, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._destinations = destinations
        self._queue = queue
        self._clock = clock
        self._subscription = ""
        self._ready: deque[Delivery] = deque()
        self._came_at: dict[str, float] = {}
        """By handle, of what is not acknowledged."""
        self._changed = asyncio.Event()
        self._lost_by = ""

    async def begin(self) -> None:
        """Subscribe. Raises Unavailable."""
        headers = {
            "ack": "client-individual",
            "activemq.prefetchSize": str(PREFETCH),
            # One reads at a time, also while a former leader does not know that it is none any more.
            "activemq.exclusive": "true",
        }
        self._subscription = await self._connection.subscribe(self, self._destinations.queue(self._queue), headers)

    async def receive(self, limit: int = PREFETCH) -> Sequence[Delivery]:
        """What has come, oldest first; waits until there is something. Raises Unavailable."""
        while not self._ready:
            if self._lost_by:
                raise BrokerAway(self._lost_by)
            self._changed.clear()
            await self._changed.wait()
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def acknowledge(self, *deliveries: Delivery) -> None:
        """They were handled, and what they changed is stored. Raises Unavailable."""
        if deliveries:
            await self._connection.confirm(*(frame(stompman.AckFrame, {"id": each.handle}) for each in deliveries))
            for each in deliveries:
                self._came_at.pop(each.handle, None)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """To the dead letters, and acknowledged, in one transaction. Raises Unavailable."""
        came, now = self._came_at.get(delivery.handle, 0.0), self._clock()
        letter = DeadLetter(masked(delivery.message), self._queue, reason, delivery.tries, came, now)
        transaction = f"bury-{delivery.handle}"
        headers = headers_of_dead(letter, self._destinations) | {"transaction": transaction}
        body = letter.message.body.replace(b"\0", b"")
        await self._connection.confirm(
            frame(stompman.BeginFrame, {"transaction": transaction}),
            send_frame(self._destinations.dead(self._queue), headers, body),
            frame(stompman.AckFrame, {"id": delivery.handle, "transaction": transaction}),
            frame(stompman.CommitFrame, {"transaction": transaction}),
        )
        self._came_at.pop(delivery.handle, None)

    async def close(self) -> None:
        """Take no more; what was not acknowledged is the next one's."""
        if not self._lost_by:
            self.lost("the consumer was closed")
            try:
                await self._connection.unsubscribe(self._subscription)
            except BrokerAway as error:
                log.debug("what was taken goes back with its connection: %s", error)

    def message(self, headers: Headers, body: bytes) -> None:
        """By the connection."""
        handle = headers["ack"]
        self._came_at[handle] = int(headers.get("timestamp", "0")) / 1000
        tries = 2 if headers.get("redelivered") == "true" else 1
        self._ready.append(Delivery(message_of(headers, body, self._destinations), self._queue, tries, handle))
        self._changed.set()

    def lost(self, why: str) -> None:
        """By the connection."""
        self._lost_by = why
        self._ready.clear()
        self._changed.set()


class Browser:
    """Looks at a queue without taking from it."""

    def __init__(self) -> None:
        self._found: list[tuple[Headers, bytes]] = []
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def all(self) -> list[tuple[Headers, bytes]]:
        """What there was. Raises Unavailable."""
        await asyncio.wait([self._end], timeout=PATIENCE)
        if not self._end.done():
            raise BrokerAway("the broker does not come to the end of a queue")
        if self._end.result():
            raise BrokerAway(self._end.result())
        return self._found

    def message(self, headers: Headers, body: bytes) -> None:
        """By the connection."""
        if headers.get("browser") != "end":
            self._found.append((headers, body))
        elif not self._end.done():
            self._end.set_result("")

    def lost(self, why: str) -> None:
        """By the connection."""
        if not self._end.done():
            self._end.set_result(why)


class Taker:
    """Takes one message."""

    def __init__(self) -> None:
        self._came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def first(self) -> str:
        """What to acknowledge it by; empty, if there is none, or the connection was lost."""
        await asyncio.wait([self._came], timeout=PATIENCE)
        return self._came.result() if self._came.done() else ""

    def message(self, headers: Headers, body: bytes) -> None:
        """By the connection."""
        if not self._came.done():
            self._came.set_result(headers["ack"])

    def lost(self, why: str) -> None:
        """By the connection."""
        if not self._came.done():
            self._came.set_result("")


def send_frame(destination: str, headers: Headers, body: bytes) -> stompman.AnyClientFrame:
    """Without a content-length: its end is a NUL. Raises ValueError for a body that has one."""
    if b"\0" in body:
        raise ValueError("a body with a NUL cannot be a text of STOMP")
    all_headers = {"destination": destination, "content-type": CONTENT_TYPE, **headers}
    sent: stompman.AnyClientFrame = frame(stompman.SendFrame, all_headers, body=body)
    return sent
