"""The histories of channels in Redis. Ids are places of the channel's partition: an append is a silent publish.

Source: RPL-1, RPL-2; the promises are those of ``interface.History``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from bayeux.backplane.interface import Extent, Position, Retained, Retention, Stretch
from bayeux.backplane.redis import scripts
from bayeux.backplane.redis.envelope import Kind
from bayeux.backplane.redis.keys import Keys
from bayeux.backplane.redis.link import RedisLink, Word
from bayeux.backplane.redis.publishing import Publishing, Retaining
from bayeux.backplane.redis.state import Offer
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.replay import MAX_ID

MAX_CHANNELS: Final = 10_000
"""Of one partition that are looked at for a pattern."""


class RedisHistory:
    """A ``History`` whose methods are awaited.

    Args:
        partitions: how many there are.
        partition_of: which one a channel belongs to.
    """

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        offer: Offer,
        publishing: Publishing,
        partitions: int,
        partition_of: Callable[[str], int],
    ) -> None:
        self.ahead: float = 0.0
        """Seconds by which its clock is ahead of the store's: tests let events age by it."""
        self._link = link
        self._keys = keys
        self._offer = offer
        self._publishing = publishing
        self._partitions = partitions
        self._partition_of = partition_of

    def retaining(self, channel: str, retention: Retention) -> Retaining:
        """For a publish that this history shall keep."""
        return Retaining(channel, retention, int(self.ahead * 1000))

    async def append(self, channel: str, payload: bytes, retention: Retention) -> Position:
        """Keep an event; where it stands."""
        retaining = self.retaining(channel, retention)
        return await self._publishing.publish(self._partition_of(channel), Kind.SILENT, b"", payload, retaining)

    async def since(self, channel: str, after: int, limit: int) -> Stretch:
        """The oldest ``limit`` events with an id greater than ``after``, and what the channel holds."""
        partition = self._partition_of(channel)
        names = [self._keys.state(partition), *self._keys.history(partition, channel)]
        words: list[Word] = [*self._offer.words(), min(max(after, 0), MAX_ID), limit, int(self.ahead * 1000)]
        epoch, floor, newest, found = await self._link.run(scripts.SINCE, names, words)
        events = [Retained(int(id), payload) for id, payload in zip(found[::2], found[1::2], strict=True)]
        return Stretch(events, Extent(epoch.decode(), int(floor), int(newest)))

    async def channels(self, pattern: ChannelName) -> Sequence[str]:
        """The channels that hold events and that ``pattern`` covers."""
        partitions = range(self._partitions) if pattern.is_wild else [self._partition_of(pattern.text)]
        words = [int(self.ahead * 1000), MAX_CHANNELS]
        found = await asyncio.gather(
            *(self._link.run(scripts.CHANNELS, [self._keys.channels(each)], words) for each in partitions)
        )
        return [text for names in found for name in names if _covers(pattern, text := name.decode("utf-8", "replace"))]


def _covers(pattern: ChannelName, text: str) -> bool:
    try:
        return pattern.covers(parse_channel(text).text)
    except ChannelInvalid:
        return False  # written by somebody else
