"""A partition as one node listens to it: taken in once and in order, with the help of its journal.

An event that was taken in is known by its stamp: a store that has another event at its place, or none, has gone back to
an older state, and what was lost meanwhile is told as a gap.

Source: CLU-3, OPS-74; docs/decisions/a-place-never-comes-twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bayeux.backplane.backplane import Arrived, JournalGap, Link
from bayeux.backplane.feed import Feed, JournalStretch
from bayeux.backplane.redis.envelope import Kind, Published, Stamp
from bayeux.backplane.redis.journal import Journals, Slice


class Partition:
    """One that somebody on this node is interested in.

    Args:
        given: takes each event.
        lost: told of a gap before what follows it.
        tally: counts gaps.
    """

    def __init__(
        self,
        number: int,
        journals: Journals,
        *,
        given: Callable[[Arrived], None],
        lost: Callable[[int], None],
        tally: Link,
    ) -> None:
        self.number = number
        self.interest = 0
        """How many listen."""
        self.feed: Feed[Published] = Feed(self._give, self._lose)
        self.is_read_soon = False
        """Somebody will catch up with it."""
        self._journals = journals
        self._given = given
        self._lost = lost
        self._tally = tally
        self._epoch = ""
        self._stamp: Stamp | None = None
        """Of the event at ``feed.place``, if we were given it."""
        self._taps: list[Tap] = []
        self._reading = asyncio.Lock()

    def tap(self, after: int) -> Tap:
        """Begin to note what it gives, for somebody who was given everything up to this place; ``close`` it."""
        tap = Tap(self, after)
        self._taps.append(tap)
        return tap

    def close(self, tap: Tap) -> None:
        """Note no more."""
        self._taps.remove(tap)

    async def begin(self) -> None:
        """Hand over what is published from here on, if it was not begun. Raises Unavailable."""
        if not self.feed.has_begun:
            await self.catch_up()

    async def catch_up(self) -> None:
        """Take in all that the journal has at this instant, at least. Raises Unavailable."""
        async with self._reading:
            if not self.feed.has_begun:
                found = await self._journals.read(self.number, None)
                self._epoch = found.epoch
                self.feed.begin(found.newest)
                if not self.feed.is_behind:
                    return
            while not await self._fill():
                pass

    async def replay(self, tap: Tap, deliver: Callable[[Arrived], None]) -> None:
        """Hand over what came before the tap, to who joins; or wait until we are as far as he is.

        Raises JournalGap and Unavailable.
        """
        reached = tap.after
        while reached < tap.began:
            found = await self._journals.read_for_many(self.number, reached + 1)
            if not found.events:
                found = await self._journals.read(self.number, reached + 1)
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
        if self.feed.place < tap.after:
            await self.catch_up()
            if self.feed.place < tap.after:
                raise JournalGap("the store has lost what was published last")

    async def _fill(self) -> bool:
        """Read a slice, from the event we have on, to see that it is the same; whether there is no more to read."""
        feed = self.feed
        place, stamp, is_behind = feed.place, self._stamp, feed.is_behind
        found = await self._journals.read(self.number, place or 1)
        has_what_we_heard = found.newest > place or (found.newest == place and not is_behind)
        if not (has_what_we_heard and _has_at(found, place, stamp)):
            await self._start_over(found)
            return False
        self._epoch = found.epoch
        gaps = self._tally.gaps_told
        # Live events may have come since the journal was read.
        feed.fill(JournalStretch(found.floor, max(found.newest, feed.place), found.events))
        if found.is_last and feed.place < found.newest:  # the last ones cannot be read
            feed.fill(JournalStretch(found.newest, found.newest))
        if feed.place > place and gaps == self._tally.gaps_told:
            self._tally.gaps_filled += 1
        return feed.place >= found.newest and not feed.is_behind

    async def _start_over(self, found: Slice) -> None:
        """The store has gone back to an older state: have it count above all that we know of, and tell the gap."""
        epoch, newest = found.epoch, found.newest
        if epoch == self._epoch:
            epoch, newest = await self._journals.renew(self.number, epoch, max(self.feed.place, newest))
        self._epoch = epoch
        self.feed.start_over(newest)

    def _give(self, published: Published) -> None:
        self._stamp = published.stamp
        if published.kind != Kind.SILENT:
            for tap in self._taps:
                tap.events.append(published.event)
            self._given(published.event)

    def _lose(self) -> None:
        self._stamp = None
        for tap in self._taps:
            tap.is_broken = True
        self._tally.gaps_told += 1
        self._lost(self.number)


class Tap:
    """What a partition gives while its journal is read for somebody who joins.

    Args:
        after: the place up to which he had been given everything.
    """

    def __init__(self, partition: Partition, after: int) -> None:
        self.partition = partition
        self.after = after
        self.began: int = partition.feed.place
        """What comes later is in ``events``."""
        self.events: list[Arrived] = []
        self.is_broken: bool = False
        """There was a gap."""


def _has_at(found: Slice, place: int, stamp: Stamp | None) -> bool:
    """Whether the event that we took in at this place is still that; without a stamp we took in none."""
    if stamp is None or found.floor >= place:
        return True
    return bool(found.events) and (found.events[0].place, found.events[0].stamp) == (place, stamp)
