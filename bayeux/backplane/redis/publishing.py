"""What one node publishes: counted by the node, so that what is sent twice counts once.

Source: the promises are those of ``Backplane.publish``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bayeux.backplane.interface import Retention
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Kind, pack_body
from bayeux.backplane.redis.journal import Journals
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink, Word
from bayeux.backplane.redis.state import Offer
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.replay import Position

JOURNAL_TTL: Final = 300.0
"""Seconds a journal is kept after its last event."""
_JOURNAL_TTL = int(JOURNAL_TTL * 1000)


@dataclass(frozen=True, slots=True)
class Retaining:
    """The channel whose history keeps an event, and how much of it.

    Args:
        ahead: milliseconds that its clock is ahead of the store's.
    """

    channel: str
    retention: Retention
    ahead: int = 0

    def words(self, payload: bytes) -> list[Word]:
        """The script's last arguments."""
        bounds = self.retention
        return [self.channel, len(payload), bounds.events, int(bounds.ttl * 1000), bounds.bytes, self.ahead]


@dataclass(frozen=True, slots=True)
class _Names:
    """Of a partition: the keys that the script is given, and the channel to publish on."""

    keys: tuple[str, str, str]
    events: str


class Publishing:
    """One node's way into the partitions.

    Args:
        journal: events a partition keeps at least; five times as many of the last 30 s.
    """

    def __init__(
        self, link: RedisLink, keys: Keys, offer: Offer, journals: Journals, node: str, partitions: int, journal: int
    ) -> None:
        self._link = link
        self._keys = keys
        self._offer = offer
        self._journals = journals
        self._node = node
        self._journal = journal
        self._counter = 0
        self._names = [
            _Names((keys.state(each), keys.journal(each), keys.last(each, node)), keys.events(each))
            for each in range(partitions)
        ]
        self._last: dict[int, tuple[int, Position]] = {}
        """By partition: what was published there last."""

    async def publish(
        self, partition: int, kind: Kind, header: bytes, payload: bytes, retaining: Retaining | None
    ) -> Position:
        """Where it stands. Raises Unavailable: whether it happened is then unknown."""
        self._counter = counter = self._counter + 1
        names = self._names[partition]
        keys: Sequence[str] = names.keys
        words: list[Word] = [
            *self._offer.words(),
            self._node,
            counter,
            pack_body(kind, (self._node, counter), header, payload),
            names.events,
            "SPUBLISH" if self._link.is_sharded else "PUBLISH",
            self._journal,
            _JOURNAL_TTL,
        ]
        if retaining is not None:
            keys = (*keys, *self._keys.history(partition, retaining.channel), self._keys.channels(partition))
            words += retaining.words(payload)
        answer = await self._link.run(scripts.PUBLISH, keys, words)
        if answer is None:
            raise StoreUnavailable(
                "the link broke after it was published, and so much was since that its place is unknown"
            )
        place, _, epoch = answer.partition(b" ")
        position = Position(int(place), epoch.decode())
        await self._check(partition, counter, position)
        return position

    async def _check(self, partition: int, counter: int, position: Position) -> None:
        """A place that is not above the last one shows that the store went back: it goes on in another epoch."""
        before, last = self._last.get(partition, (0, None))
        if counter < before:
            return
        self._last[partition] = counter, position
        if last is not None and position.epoch == last.epoch and position.offset <= last.offset:
            await self._journals.renew(partition, last.epoch, last.offset)
