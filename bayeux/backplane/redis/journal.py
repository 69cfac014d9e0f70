"""Reading what was published lately in a partition.

Source: OPS-74, SEC-80.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from bayeux.backplane.backplane import Link
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Malformed, Published, unpack_event
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink, Word
from bayeux.backplane.redis.refusals import refuse
from bayeux.backplane.redis.state import Offer

log: logging.Logger = logging.getLogger(__name__)

SLICE: Final = 256
"""Events that are read at once."""
REMEMBERED: Final = 1.0
"""Seconds for which a slice is shared by all who join: about as long as a dead node's sessions keep coming."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What a journal held at one instant.

    Args:
        floor: every event with a greater place was there.
        newest: the place of the last event.
        events: from the place that was asked for, oldest first; what could not be read is missing.
        is_last: there was nothing behind them.
    """

    epoch: str
    floor: int
    newest: int
    events: list[Published]
    is_last: bool


class Journals:
    """The journals of all partitions.

    Args:
        offer: epochs for partitions that have none.
        tally: counts what could not be read.
    """

    def __init__(self, link: RedisLink, keys: Keys, offer: Offer, tally: Link) -> None:
        self._link = link
        self._keys = keys
        self._offer = offer
        self._tally = tally
        self._shared: dict[tuple[int, int], asyncio.Task[Slice]] = {}

    async def read(self, partition: int, first: int | None) -> Slice:
        """From a place on, or no events at all. Raises Unavailable."""
        keys = [self._keys.state(partition), self._keys.journal(partition)]
        words: list[Word] = [*self._offer.words(), "" if first is None else first, SLICE]
        epoch, newest, floor, packed = await self._link.run(scripts.JOURNAL, keys, words)
        events = []
        for each in packed:
            try:
                events.append(unpack_event(each, partition))
            except Malformed as error:
                refuse(self._tally, keys[1], error)
        return Slice(epoch.decode(), int(floor), int(newest), events, len(packed) < SLICE)

    async def read_for_many(self, partition: int, first: int) -> Slice:
        """The same, perhaps as it was a moment ago: of a node that died, many sessions ask for the same."""
        reading = self._shared.get((partition, first))
        if reading is None:
            reading = self._shared[partition, first] = asyncio.create_task(
                self.read(partition, first), name="backplane: reads a journal"
            )
            reading.add_done_callback(lambda done: self._share(partition, first, done))
        return await asyncio.shield(reading)

    async def renew(self, partition: int, epoch: str, place: int) -> tuple[str, int]:
        """Begin another epoch, above this place, unless ``epoch`` is over already; epoch and place.

        Raises Unavailable.
        """
        words: list[Word] = [*self._offer.words(), epoch, place]
        renewed, begins = await self._link.run(scripts.RENEW, [self._keys.state(partition)], words)
        if renewed != epoch.encode() and int(begins) > place:
            log.warning(
                "the store lost events that were published: partition %d goes on in another epoch",
                partition,
                extra={"event": "backplane_data_lost", "partition": partition},
            )
        return renewed.decode(), int(begins)

    def _share(self, partition: int, first: int, done: asyncio.Task[Slice]) -> None:
        """An empty slice is of no use a moment later, as is none."""
        if done.cancelled() or done.exception() is not None or not done.result().events:
            del self._shared[partition, first]
        else:
            done.get_loop().call_later(REMEMBERED, self._shared.pop, (partition, first))
