"""The bus on Redis Streams: a stream for each queue, which groups of consumers read.

Only one consumer of a group reads at a time, the holder of a lease. So whoever begins takes over at once all that a
predecessor was given and has not acknowledged, before it reads on: order is kept, and nothing waits for a dead node.
What a predecessor that does not know of its end takes meanwhile is found when it was left alone for ``IDLE`` seconds.

Source: MRE-125, MRE-128, MRE-140…144; docs/decisions/a-bus-and-a-store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Final

from bayeux.backplane.redis.command import Word
from bayeux.backplane.redis.connecting import LOST, Wire, ask, cut
from bayeux.backplane.redis.link import RedisLink, Timing, Topology
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.unavailable import StoreUnavailable
from gateway.routing.bus.bus import BusMessage, Delivery
from gateway.routing.bus.dead_letters import DeadLetter, masked
from gateway.routing.bus.stream_entry import came_at, dead_letter_of, fields_of, fields_of_dead, message_of

log = logging.getLogger(__name__)

MAX_ENTRIES: Final = 1_000_000
"""In a stream, those included that are only retained; a queue that has more takes none: they wait in the outbox."""
MAX_BURIED: Final = 10_000
"""Dead letters that are kept of a queue; about."""
RETAIN: Final = 60 * 60.0
"""Seconds for which what was acknowledged can still be looked at (MRE-144)."""
TRIMMED: Final = 60.0
"""Seconds between two trims of a stream."""
IDLE: Final = 30.0
"""Seconds after which what another consumer was given is taken over (MRE-142)."""
LOOK: Final = 10.0
"""Seconds between two looks for such."""
WAITING: Final = 2.0
"""Seconds for which Redis waits for an entry: so long and a reply's time can a silent link go unnoticed."""
BATCH: Final = 100


def _script(name: str) -> Script:
    return Script((files("gateway.routing.bus") / "lua" / f"{name}.lua").read_text("utf-8"))


SEND: Final = _script("send")
JOIN: Final = _script("join")
TAKE_OVER: Final = _script("take_over")
BURY: Final = _script("bury")
TRIM: Final = _script("trim")


class RedisBus:
    """All queues.

    Args:
        topology: where Redis is.
        node: this node's id.
        prefix: before the names of keys, which all others who use the queues have to agree on. The account's rights
            must cover ``prefix*``.
        clock: seconds since 1970, for dead letters.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        node: str,
        prefix: str = "",
        timing: Timing | None = None,
        retain: float = RETAIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._timing = timing or Timing()
        self._keys = Keys(prefix)
        self._retain = retain
        self._clock = clock
        self._link = RedisLink(
            topology,
            Deaf(),
            node=f"{node}-mre",
            prefix=prefix.rstrip(":") or "bayeux",
            scripts=(SEND, JOIN, TAKE_OVER, BURY, TRIM),
            timing=self._timing,
        )

    async def open(self) -> None:
        """Begin to connect; what fails is tried again for ever."""
        await self._link.start()

    async def close(self) -> None:
        """Leave it; what waits fails."""
        await self._link.stop()

    async def send(self, queue: str, *messages: BusMessage) -> None:
        """Returns when they stand in the stream, all in one step. Raises Unavailable, also where it is full."""
        words: list[Word] = [MAX_ENTRIES]
        for message in messages:
            fields = fields_of(message)
            words += [len(fields), *fields]
        if not await self._link.run(SEND, [self._keys.queue(queue)], words):
            raise StoreUnavailable(f"queue {queue} is full: it has {MAX_ENTRIES} entries; does nobody take from it?")

    async def consumer(self, queue: str, group: str, name: str) -> RedisConsumer:
        """Begin to take from a queue, before all else what was not acknowledged. Raises Unavailable."""
        await self._link.run(JOIN, [self._keys.queue(queue)], [group])
        return RedisConsumer(
            self._link, self._keys, queue, group, name, reply=self._timing.reply, retain=self._retain, clock=self._clock
        )

    async def dead_letters(self, queue: str, limit: int = 100) -> Sequence[DeadLetter]:
        """What was buried of a queue, oldest first. Raises Unavailable."""
        found = await self._link.call("XRANGE", self._keys.dead(queue), "-", "+", "COUNT", limit)
        return [dead_letter_of(queue, entry, fields) for entry, fields in found]

    async def count_dead(self, queue: str) -> int:
        """How many there are. Raises Unavailable."""
        return int(await self._link.call("XLEN", self._keys.dead(queue)))

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Keep it no longer. Raises Unavailable."""
        await self._link.call("XDEL", self._keys.dead(letter.queue), letter.handle)


class RedisConsumer:
    """One of a group, on a connection of its own that waits in Redis.

    Args:
        reply: seconds that an answer may take.
        retain: seconds for which what was acknowledged stays.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        queue: str,
        group: str,
        name: str,
        *,
        reply: float,
        retain: float,
        clock: Callable[[], float],
    ) -> None:
        self._link = link
        self._queue = queue
        self._stream = keys.queue(queue)
        self._dead = keys.dead(queue)
        self._group = group
        self._name = name
        self._reply = reply
        self._retain = retain
        self._clock = clock
        self._wire: Wire | None = None
        self._ready: deque[Delivery] = deque()
        """Taken over, and not handed out yet."""
        self._known: set[str] = set()
        """Entries that are ready or handed out."""
        self._least_idle = 0.0
        """Seconds that what is taken over next must have been left alone."""
        self._look_at = 0.0
        self._trim_at = asyncio.get_running_loop().time() + TRIMMED

    async def receive(self, limit: int = BATCH) -> Sequence[Delivery]:
        """What has come, oldest first; waits until there is something. Raises Unavailable."""
        while not self._ready:
            if asyncio.get_running_loop().time() >= self._look_at:
                await self._take_over()
            if not self._ready:
                await self._read(limit)
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    async def acknowledge(self, *deliveries: Delivery) -> None:
        """They were handled, and what they changed is stored. Raises Unavailable."""
        if deliveries:
            handles = [each.handle for each in deliveries]
            await self._link.call("XACK", self._stream, self._group, *handles)
            self._known.difference_update(handles)
        await self._trim()

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """To the dead letters, and acknowledged, in one step. Raises Unavailable."""
        came = came_at(delivery.handle)
        letter = DeadLetter(masked(delivery.message), self._queue, reason, delivery.tries, came, self._clock())
        words: list[Word] = [self._group, delivery.handle, MAX_BURIED, *fields_of_dead(letter)]
        await self._link.run(BURY, [self._stream, self._dead], words)
        self._known.discard(delivery.handle)

    async def close(self) -> None:
        """Take no more."""
        if self._wire is not None:
            cut(self._wire)
            self._wire = None

    async def _read(self, limit: int) -> None:
        """Wait for a while for what nobody was given."""
        try:
            async with asyncio.timeout(WAITING + self._reply):
                if self._wire is None:
                    self._wire = await self._link.open_for(self._stream)
                found = await ask(
                    self._wire,
                    *("XREADGROUP", "GROUP", self._group, self._name, "COUNT", limit),
                    *("BLOCK", int(WAITING * 1000), "STREAMS", self._stream, ">"),
                )
        except BaseException as error:
            # What is on its way belongs to us, and is taken over with the next look.
            await self.close()
            self._least_idle = self._look_at = 0.0
            if isinstance(error, (*LOST, TimeoutError)):
                raise StoreUnavailable(f"Redis is lost to who takes from {self._queue}: {error}") from error
            raise
        for entry, fields in found[0][1] if found else ():
            self._add(entry, fields or (), 1)

    async def _take_over(self) -> None:
        """All that was left alone for long enough; the first time all there is."""
        start: Word = "0-0"
        while True:
            words: list[Word] = [self._group, self._name, int(self._least_idle * 1000), start, BATCH]
            start, taken = await self._link.run(TAKE_OVER, [self._stream], words)
            for entry, fields, tries in taken:
                self._add(entry, fields, tries)
            if start == b"0-0":
                break
        self._least_idle = IDLE
        self._look_at = asyncio.get_running_loop().time() + LOOK

    def _add(self, entry: bytes, fields: Sequence[bytes], tries: int) -> None:
        handle = entry.decode()
        if handle not in self._known:
            self._known.add(handle)
            self._ready.append(Delivery(message_of(entry, fields), self._queue, tries, handle))

    async def _trim(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._trim_at:
            self._trim_at = now + TRIMMED
            # What is only looked at must not keep anybody from sending.
            await self._link.run(TRIM, [self._stream], [int(self._retain * 1000), MAX_ENTRIES // 2])


class Keys:
    """What queues are called in Redis; one hash tag, so that they lie on one server of a Cluster (MRE-140).

    Args:
        prefix: keeps installations apart that share a Redis.
    """

    def __init__(self, prefix: str) -> None:
        self._base = f"{prefix}{{mre}}"

    def queue(self, name: str) -> str:
        """Its stream."""
        return f"{self._base}:q:{name}"

    def dead(self, queue: str) -> str:
        """Its dead letters."""
        return f"{self._base}:dlq:{queue}"


class Deaf:
    """Hears of nothing: each call says for itself whether it went well."""

    def message(self, channel: str, message: bytes) -> None:
        """Nothing is subscribed to."""

    def subscribed(self, channels: Sequence[str]) -> None:
        """As above."""

    def connected(self) -> None:
        """The link has logged it."""

    def disconnected(self, why: str) -> None:
        """As above."""
