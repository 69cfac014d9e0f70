"""Which channels are wanted, where they were asked for, and which are heard.

A channel is asked for at the server of its slot; again when its ear was connected anew, when its slot has moved, and
when the server gave it away. Who listens is told each time from when on it is heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from bayeux.backplane.redis.shard import Shard
from bayeux.backplane.redis.unavailable import StoreUnavailable


class Heard(Protocol):
    """Who listens."""

    def message(self, channel: str, message: bytes) -> None:
        """Published there."""

    def subscribed(self, channels: Sequence[str]) -> None:
        """Heard from here on."""


class Subscriptions:
    """See above.

    Args:
        owner_of: the server of a channel's slot; None while that is not known.
        look_again: called when a server has given a channel away.
    """

    def __init__(
        self, listener: Heard, owner_of: Callable[[str], Shard | None], look_again: Callable[[], object]
    ) -> None:
        self._listener = listener
        self._owner_of = owner_of
        self._look_again = look_again
        self._wanted: dict[str, Shard | None] = {}
        """By channel: where it was asked for; None = nowhere yet, or nowhere any more."""
        self._standing: set[str] = set()
        self._awaited: dict[str, asyncio.Future[None]] = {}
        self._is_stopped = False

    async def subscribe(self, channels: Sequence[str], patience: float, why: Callable[[], str]) -> None:
        """Want them, and wait until they stand. Raises StoreUnavailable; they stay wanted."""
        self._ask_for([channel for channel in channels if channel not in self._wanted])
        missing = [channel for channel in channels if channel not in self._standing]
        for channel in missing:
            if channel not in self._awaited:
                self._awaited[channel] = asyncio.get_running_loop().create_future()
        pending: set[asyncio.Future[None]] = set()
        if missing:
            _, pending = await asyncio.wait([self._awaited[channel] for channel in missing], timeout=patience)
        if pending or self._is_stopped:
            raise StoreUnavailable(why())

    def unsubscribe(self, channels: Collection[str]) -> None:
        """Want them no more."""
        own = {channel: self._wanted.pop(channel) for channel in channels if channel in self._wanted}
        self._standing.difference_update(own)
        for channel in own:
            self._forget(channel)
        for shard, given_up in _by_shard(own).items():
            if shard.ear is not None:
                shard.ear.unsubscribe(given_up)

    def stop(self) -> None:
        """Tell nobody any more."""
        self._is_stopped = True
        for channel in list(self._awaited):
            self._forget(channel)

    def look_over(self) -> None:
        """Servers may have changed: ask where nobody has been asked yet."""
        # Nobody tells the old server: it gives up what it has no slot for.
        moved = [channel for channel, asked_at in self._wanted.items() if asked_at is not self._owner_of(channel)]
        self._standing.difference_update(moved)
        self._ask_for(moved)

    # What shards ask --------------------------------------------------------------------------

    def wanted_at(self, shard: Shard) -> Sequence[str]:
        """See ``Hearer``."""
        own = [channel for channel in self._wanted if self._owner_of(channel) is shard]
        self._wanted.update(dict.fromkeys(own, shard))
        return own

    def heard(self, channel: str, message: bytes) -> None:
        """See ``Hearer``."""
        if channel in self._wanted and not self._is_stopped:
            self._listener.message(channel, message)

    def confirmed(self, shard: Shard, channels: Sequence[str]) -> None:
        """See ``Hearer``."""
        own = [channel for channel in channels if self._wanted.get(channel) is shard]
        if self._is_stopped or not own:
            return
        self._standing.update(own)
        self._listener.subscribed(own)
        for channel in own:
            self._forget(channel)

    def taken(self, shard: Shard, channels: Sequence[str]) -> None:
        """See ``Hearer``."""
        own = [channel for channel in channels if self._wanted.get(channel) is shard]
        self._wanted.update(dict.fromkeys(own))
        self._standing.difference_update(own)
        self._look_again()

    def lost(self, shard: Shard) -> None:
        """See ``Hearer``."""
        self._standing.difference_update([channel for channel, at in self._wanted.items() if at is shard])

    def _ask_for(self, channels: Collection[str]) -> None:
        asked_at = {channel: self._owner_of(channel) for channel in channels}
        self._wanted.update(asked_at)
        for shard, own in _by_shard(asked_at).items():
            if shard.ear is not None:
                shard.ear.subscribe(own)

    def _forget(self, channel: str) -> None:
        """Whoever awaits it need not any more."""
        future = self._awaited.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(None)


def _by_shard(channels: Mapping[str, Shard | None]) -> Mapping[Shard, Sequence[str]]:
    grouped: dict[Shard, list[str]] = {}
    for channel, shard in channels.items():
        if shard is not None:
            grouped.setdefault(shard, []).append(channel)
    return grouped
