"""What one node listens to, and when its journals are read.

Live events come by pub/sub, which loses what is published while a connection is away, without a word. So after every
subscription, as after every event that does not follow the one before, the journal is read; and every so often,
because what is lost may have been the last.

Source: CLU-3, OPS-73, OPS-74, SEC-80.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

from bayeux.backplane.backplane import Arrived, JournalGap, Link, Places
from bayeux.backplane.redis.envelope import Malformed, unpack_event
from bayeux.backplane.redis.journal import Journals
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.partition import Partition
from bayeux.backplane.redis.refusals import refuse
from bayeux.backplane.redis.rounds import rounds
from bayeux.protocol.errors import Unavailable

log: logging.Logger = logging.getLogger(__name__)


class Receiving:
    """The partitions of one node.

    Args:
        given: takes each event.
        lost: told of gaps, by partition.
        tally: counts them.
        look: seconds between two looks whether something is missing (OPS-74).
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        journals: Journals,
        *,
        given: Callable[[Arrived], None],
        lost: Callable[[int], None],
        tally: Link,
        look: float,
    ) -> None:
        self._link = link
        self._keys = keys
        self._journals = journals
        self._given = given
        self._lost = lost
        self._tally = tally
        self._look = look
        self._partitions: dict[int, Partition] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to look whether something is missing."""
        self._spawn(rounds(self._look_at_all, self._look, "journals could not be read"))

    async def stop(self) -> None:
        """Hand nothing over any more."""
        self._partitions.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def places(self) -> Places:
        """How far each partition is."""
        return {number: each.feed.place for number, each in self._partitions.items() if each.feed.has_begun}

    async def listen(self, numbers: Sequence[int]) -> None:
        """See ``Backplane``."""
        wanted = []
        for number in numbers:
            partition = self._partitions.get(number)
            if partition is None:
                partition = Partition(number, self._journals, given=self._given, lost=self._lost, tally=self._tally)
                self._partitions[number] = partition
            partition.interest += 1
            if not partition.feed.has_begun:
                wanted.append(partition)
        try:
            if wanted:
                await self._link.subscribe([self._keys.events(each.number) for each in wanted])
                await _all(each.begin() for each in wanted)
        except BaseException:
            self.ignore(numbers)
            raise

    def ignore(self, numbers: Sequence[int]) -> None:
        """See ``Backplane``."""
        gone = []
        for number in numbers:
            partition = self._partitions.get(number)
            if partition is None:
                continue
            partition.interest -= 1
            if partition.interest <= 0:
                del self._partitions[number]
                gone.append(self._keys.events(number))
        if gone:
            self._link.unsubscribe(gone)

    def message(self, channel: str, packed: bytes) -> None:
        """Something came live."""
        partition = self._of(channel)
        if partition is None:
            return
        try:
            published = unpack_event(packed, partition.number)
        except Malformed as error:
            refuse(self._tally, channel, error)
            return
        partition.feed.take(published)
        if partition.feed.is_behind and not partition.is_read_soon:
            partition.is_read_soon = True
            self._spawn(self._read_behind(partition))

    def subscribed(self, channels: Sequence[str]) -> None:
        """From here on these are heard; what came before, perhaps not."""
        for channel in channels:
            partition = self._of(channel)
            if partition is not None:
                partition.feed.pause()
                self._spawn(_try_to(partition.catch_up()))

    async def catch_up_all(self) -> None:
        """Fill all gaps, or tell them. Raises Unavailable."""
        await _all(each.catch_up() for each in tuple(self._partitions.values()))

    async def rewind(self, after: Places, deliver: Callable[[Arrived], None], join: Callable[[], None]) -> None:
        """See ``Backplane``."""
        taps = [
            partition.tap(place)
            for number, place in after.items()
            if (partition := self._partitions.get(number)) is not None and partition.feed.has_begun
        ]
        try:
            await _all(tap.partition.replay(tap, deliver) for tap in taps)
            # From here to the end nothing is awaited, so that nothing can come in between.
            if any(tap.is_broken for tap in taps):
                raise JournalGap("events were lost meanwhile")
            for tap in taps:
                for event in tap.events:
                    if event.place > tap.after:
                        deliver(event)
            join()
        finally:
            for tap in taps:
                tap.partition.close(tap)

    def _of(self, channel: str) -> Partition | None:
        number = self._keys.partition(channel)
        return None if number is None else self._partitions.get(number)

    # in the background

    async def _read_behind(self, partition: Partition) -> None:
        """Once for all that comes until then."""
        try:
            await _try_to(partition.catch_up())
        finally:
            partition.is_read_soon = False

    async def _look_at_all(self) -> None:
        if self._link.is_connected:
            await self.catch_up_all()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="backplane: reads a journal")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _try_to(catching_up: Awaitable[None]) -> None:
    """What fails is done when the link is back, which tells it."""
    try:
        await catching_up
    except Unavailable as error:
        log.debug("a journal was not read: %s", error)


async def _all(awaitables: Iterable[Awaitable[None]]) -> None:
    """Wait for all, then raise what the first raised that did."""
    for outcome in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
