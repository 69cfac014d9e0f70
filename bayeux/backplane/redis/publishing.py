"""What one node publishes: counted by the node, so that what is sent twice counts once.

Source: the promises are those of ``Backplane.publish``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bayeux.backplane.interface import Retention
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Kind, pack_body
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink, Word
from bayeux.backplane.redis.state import Offer
from bayeux.backplane.redis.unavailable import StoreUnavailable
from bayeux.protocol.replay import Position

JOURNAL_TTL: Final = 300.0
"""Seconds a journal is kept after its last event."""


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


class Publishing:
    """One node's way into the partitions.

    Args:
        journal: events a partition keeps, at least.
    """

    def __init__(self, link: RedisLink, keys: Keys, offer: Offer, node: str, journal: int) -> None:
        self._link = link
        self._keys = keys
        self._offer = offer
        self._node = node
        self._journal = journal
        self._counter = 0

    async def publish(
        self, partition: int, kind: Kind, header: bytes, payload: bytes, retaining: Retaining | None
    ) -> Position:
        """Where it stands. Raises Unavailable: whether it happened is then unknown."""
        self._counter += 1
        keys = self._keys
        names = [keys.state(partition), keys.journal(partition), keys.last(partition, self._node)]
        words: list[Word] = [
            *self._offer.words(),
            self._node,
            self._counter,
            pack_body(kind, (self._node, self._counter), header, payload),
            keys.events(partition),
            "SPUBLISH" if self._link.is_sharded else "PUBLISH",
            self._journal,
            int(JOURNAL_TTL * 1000),
        ]
        if retaining is not None:
            names += [*keys.history(partition, retaining.channel), keys.channels(partition)]
            words += retaining.words(payload)
        place, epoch = await self._link.run(scripts.PUBLISH, names, words)
        if not epoch:
            raise StoreUnavailable(
                "the link broke; it was published, but so much has been since that its place is unknown"
            )
        return Position(int(place), epoch.decode())
