"""What one node listens to: partitions, each taken in once and in order, with the help of its journal.

Live events come by pub/sub, which loses what is published while a connection is away, without a word. So after every
subscription, as after every event that does not follow the one before, the journal is read; and every so often,
because what is lost may have been the last. An event that was taken in is known by its stamp: a store that has another
event at its place, or none, has gone back to an older state, and what was lost meanwhile is told as a gap.

Source: CLU-3, OPS-73, OPS-74, SEC-80; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from bayeux.backplane.backplane import Arrived, JournalGap, Link, Places
from bayeux.backplane.feed import Feed, JournalStretch
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Kind, Malformed, Published, Stamp, unpack_event
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink
from bayeux.backplane.redis.state import Offer
from bayeux.protocol.errors import Unavailable

log: logging.Logger = logging.getLogger(__name__)

SLICE: Final = 256
"""Events of a journal that are read at once."""


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
        offer: epochs for partitions that have none.
        look: seconds between two looks whether something is missing (OPS-74).
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        offer: Offer,
        *,
        given: Callable[[Arrived], None],
        lost: Callable[[int], None],
        tally: Link,
        look: float,
    ) -> None:
        self._link = link
        self._keys = keys
        self._offer = offer
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
            self._refuse(channel, error)
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
                self._spawn(self._try_to(self.catch_up(partition)))

    async def catch_up_all(self) -> None:
        """Fill all gaps, or tell them. Raises Unavailable."""
        await _all(self.catch_up(each) for each in tuple(self._partitions.values()))

    async def catch_up(self, partition: _Partition) -> None:
        """Take in all that the journal has at this instant, at least. Raises Unavailable."""
        async with partition.reading:
            if not partition.feed.has_begun:
                partition.epoch, newest, _, _ = await self._read(partition, None)
                partition.feed.begin(newest)
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
            _, _, floor, events = await self._read(partition, reached + 1)
            if floor > reached or not events:
                raise JournalGap("the journal does not reach back so far")
            for published in events:
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
        epoch, newest, floor, events = await self._read(partition, place or 1)
        is_same = (
            stamp is None or floor >= place or bool(events and (events[0].place, events[0].stamp) == (place, stamp))
        )
        has_what_we_heard = newest > place or (newest == place and not is_behind)
        if not (is_same and has_what_we_heard):  # the store has gone back to an older state
            await self._start_over(partition, epoch, newest)
            return False
        partition.epoch = epoch
        gaps = self._tally.gaps_told
        # Live events may have come since the journal was read.
        feed.fill(JournalStretch(floor, max(newest, feed.place), events))
        if feed.place > place and gaps == self._tally.gaps_told:
            self._tally.gaps_filled += 1
        return feed.place >= newest and not feed.is_behind

    async def _start_over(self, partition: _Partition, epoch: str, newest: int) -> None:
        """Have the partition count above all that we know of, and tell the gap."""
        if epoch == partition.epoch:
            place = max(partition.feed.place, newest)
            keys = [self._keys.state(partition.number)]
            renewed = await self._link.run(scripts.RENEW, keys, [*self._offer.words(), epoch, place])
            epoch, newest = renewed[0].decode(), int(renewed[1])
            log.warning(
                "the store lost events that were published: partition %d goes on in another epoch",
                partition.number,
                extra={"event": "backplane_data_lost", "partition": partition.number},
            )
        partition.epoch = epoch
        partition.feed.start_over(newest)

    async def _read(self, partition: _Partition, first: int | None) -> tuple[str, int, int, list[Published]]:
        """Epoch, newest place, floor, and events from a place on."""
        number = partition.number
        keys = [self._keys.state(number), self._keys.journal(number)]
        words = [*self._offer.words(), "" if first is None else first, SLICE]
        epoch, newest, floor, packed = await self._link.run(scripts.JOURNAL, keys, words)
        return epoch.decode(), int(newest), int(floor), self._unpacked(keys[1], packed, number)

    def _unpacked(self, journal: str, packed: Sequence[bytes], number: int) -> list[Published]:
        """What cannot be read is a hole."""
        events = []
        for each in packed:
            try:
                events.append(unpack_event(each, number))
            except Malformed as error:
                self._refuse(journal, error)
        return events

    def _lose(self, number: int) -> None:
        self._tally.gaps_told += 1
        self._lost(number)

    def _refuse(self, where: str, error: Malformed) -> None:
        dropped = self._tally.dropped
        dropped["malformed"] = dropped.get("malformed", 0) + 1
        if dropped["malformed"] == 1:
            log.warning(
                "%s holds what no node of this version writes (%s): see that no other program and no other version "
                "of the format uses this prefix; it is dropped and counted",
                where,
                error,
                extra={"event": "backplane_malformed"},
            )

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


async def _all(awaitables: Iterable[Awaitable[None]]) -> None:
    """Wait for all, then raise what the first raised that did."""
    for outcome in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
