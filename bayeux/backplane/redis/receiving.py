"""What one node listens to: partitions, each taken in once and in order, with the help of its journal.

Live events come by pub/sub, which loses what is published while a connection is away, without a word. So after every
subscription, as after every event that does not follow the one before, the journal is read; and every so often,
because what is lost may have been the last. An event that was taken in is known by its stamp: a store that has another
event at its place, or none, has gone back to an older state, and what was lost meanwhile is told as a gap.

Source: CLU-3, OPS-73, OPS-74, SEC-80; docs/decisions/a-place-never-comes-twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from bayeux.backplane.backplane import Arrived, JournalGap, Link, Places
from bayeux.backplane.feed import Feed, JournalStretch
from bayeux.backplane.redis.envelope import Kind, Malformed, Published, Stamp, unpack_event
from bayeux.backplane.redis.journal import Journals, Slice
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.refusals import refuse
from bayeux.protocol.errors import Unavailable

log: logging.Logger = logging.getLogger(__name__)


class _Partition:
    """A partition that is listened to."""

    def __init__(self, number: int, given: Callable[[Arrived], None], lost: Callable[[], None]) -> None:
        self.number = number
        self.interest = 0
        self.feed: Feed[Published] = Feed(self._give, self._lose)
        self.epoch = ""
        self.stamp: Stamp | None = None
        """Of the event at ``feed.place``, if we were given it."""
        self.taps: list[_Tap] = []
        self.reading = asyncio.Lock()
        self.is_read_soon = False
        self._given = given
        self._lost = lost

    def _give(self, published: Published) -> None:
        self.stamp = published.stamp
        if published.kind != Kind.SILENT:
            for tap in self.taps:
                tap.events.append(published.event)
            self._given(published.event)

    def _lose(self) -> None:
        self.stamp = None
        for tap in self.taps:
            tap.is_broken = True
        self._lost()


class _Tap:
    """What a partition gives while its journal is read for somebody who joins.

    Args:
        after: the place up to which he had been given everything.
    """

    def __init__(self, partition: _Partition, after: int) -> None:
        self.partition = partition
        self.after = after
        self.began = partition.feed.place
        self.events: list[Arrived] = []
        self.is_broken = False


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
        self._partitions: dict[int, _Partition] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to look whether something is missing."""
        self._spawn(self._look_for_ever())

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
                partition = _Partition(number, self._given, partial(self._lose, number))
                self._partitions[number] = partition
            partition.interest += 1
            if not partition.feed.has_begun:
                wanted.append(partition)
        try:
            if wanted:
                await self._link.subscribe([self._keys.events(each.number) for each in wanted])
                await _all(self._begin(each) for each in wanted)
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
        number = self._keys.partition(channel)
        partition = None if number is None else self._partitions.get(number)
        if partition is None:
            return
        try:
            published = unpack_event(packed, partition.number)
        except Malformed as error:
            refuse(self._tally, channel, error)
            return
        partition.feed.take(published)
        if partition.feed.is_behind:
            self._read_soon(partition)

    def subscribed(self, channels: Sequence[str]) -> None:
        """From here on these are heard; what came before, perhaps not."""
        for channel in channels:
            number = self._keys.partition(channel)
            partition = None if number is None else self._partitions.get(number)
            if partition is not None:
                partition.feed.pause()
                self._spawn(self._try_to(self.catch_up(partition)))

    async def catch_up_all(self) -> None:
        """Fill all gaps, or tell them. Raises Unavailable."""
        await _all(self.catch_up(each) for each in tuple(self._partitions.values()))

    async def catch_up(self, partition: _Partition) -> None:
        """Take in all that the journal has at this instant, at least. Raises Unavailable."""
        async with partition.reading:
            if not partition.feed.has_begun:
                found = await self._journals.read(partition.number, None)
                partition.epoch = found.epoch
                partition.feed.begin(found.newest)
                if not partition.feed.is_behind:
                    return
            while not await self._fill(partition):
                pass

    async def rewind(self, after: Places, deliver: Callable[[Arrived], None], join: Callable[[], None]) -> None:
        """See ``Backplane``."""
        taps = [
            _Tap(partition, place)
            for number, place in after.items()
            if (partition := self._partitions.get(number)) is not None and partition.feed.has_begun
        ]
        for tap in taps:
            tap.partition.taps.append(tap)
        try:
            await _all(self._replay(tap, deliver) for tap in taps)
            if any(tap.is_broken for tap in taps):
                raise JournalGap("events were lost meanwhile")
            for tap in taps:
                for event in tap.events:
                    if event.place > tap.after:
                        deliver(event)
            join()
        finally:
            for tap in taps:
                tap.partition.taps.remove(tap)

    # reading the journal

    async def _replay(self, tap: _Tap, deliver: Callable[[Arrived], None]) -> None:
        """Hand over what came before the tap began; or wait until we are as far as who joins."""
        partition = tap.partition
        reached = tap.after
        while reached < tap.began:
            found = await self._journals.read_for_many(partition.number, reached + 1)
            if not found.events:
                found = await self._journals.read(partition.number, reached + 1)
            if found.floor > reached or not found.events:
                raise JournalGap("the journal does not reach back so far")
            for published in found.events:
                if published.place > tap.began:
                    return
                if published.place != reached + 1:
                    raise JournalGap("the store has lost events")
                reached = published.place
                if published.kind != Kind.SILENT:
                    deliver(published.event)
        if partition.feed.place < tap.after:
            await self.catch_up(partition)
            if partition.feed.place < tap.after:
                raise JournalGap("the store has lost what was published last")

    async def _begin(self, partition: _Partition) -> None:
        if not partition.feed.has_begun:
            await self.catch_up(partition)

    async def _fill(self, partition: _Partition) -> bool:
        """Read a slice, from the event we have on, to see that it is the same; whether there is no more to read."""
        feed = partition.feed
        place, stamp, is_behind = feed.place, partition.stamp, feed.is_behind
        found = await self._journals.read(partition.number, place or 1)
        has_what_we_heard = found.newest > place or (found.newest == place and not is_behind)
        if not (has_what_we_heard and _has_at(found, place, stamp)):
            await self._start_over(partition, found)
            return False
        partition.epoch = found.epoch
        gaps = self._tally.gaps_told
        # Live events may have come since the journal was read.
        feed.fill(JournalStretch(found.floor, max(found.newest, feed.place), found.events))
        if found.is_last and feed.place < found.newest:  # the last ones cannot be read
            feed.fill(JournalStretch(found.newest, found.newest))
        if feed.place > place and gaps == self._tally.gaps_told:
            self._tally.gaps_filled += 1
        return feed.place >= found.newest and not feed.is_behind

    async def _start_over(self, partition: _Partition, found: Slice) -> None:
        """The store has gone back to an older state: have it count above all that we know of, and tell the gap."""
        epoch, newest = found.epoch, found.newest
        if epoch == partition.epoch:
            epoch, newest = await self._journals.renew(partition.number, epoch, max(partition.feed.place, newest))
        partition.epoch = epoch
        partition.feed.start_over(newest)

    def _lose(self, number: int) -> None:
        self._tally.gaps_told += 1
        self._lost(number)

    # in the background

    def _read_soon(self, partition: _Partition) -> None:
        """Once for all that comes until then."""
        if not partition.is_read_soon:
            partition.is_read_soon = True
            self._spawn(self._read_behind(partition))

    async def _read_behind(self, partition: _Partition) -> None:
        try:
            await self._try_to(self.catch_up(partition))
        finally:
            partition.is_read_soon = False

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            if self._link.is_connected:
                await self._try_to(self.catch_up_all())

    async def _try_to(self, catching_up: Awaitable[None]) -> None:
        """What fails is done when the link is back, which tells it."""
        try:
            await catching_up
        except Unavailable as error:
            log.debug("a journal was not read: %s", error)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine, name="backplane: reads a journal")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _has_at(found: Slice, place: int, stamp: Stamp | None) -> bool:
    """Whether the event that we took in at this place is still that; without a stamp we took in none."""
    if stamp is None or found.floor >= place:
        return True
    return bool(found.events) and (found.events[0].place, found.events[0].stamp) == (place, stamp)


async def _all(awaitables: Iterable[Awaitable[None]]) -> None:
    """Wait for all, then raise what the first raised that did."""
    for outcome in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
