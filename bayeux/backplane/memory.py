"""A history in this process: gone when it ends; the next one has another epoch.

Bounded in channels and in bytes: above a bound the channels that nobody touched for the longest time are forgotten.

Cost model: an append is two list appends and a dictionary move, however much is kept; a read is a binary search and
what is read. Dropped events leave their list in lumps, so that on average none is moved more than once.

Source: RPL-1, RPL-2; the promises are those of ``interface.History``.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable
from operator import attrgetter
from typing import Final

from bayeux.backplane.interface import Retained, Retention, Stretch
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.client_id import RandomBytes
from bayeux.protocol.replay import MAX_ID, Extent, Position

log: logging.Logger = logging.getLogger(__name__)

MAX_CHANNELS: Final = 10_000
MAX_BYTES: Final = 256 * 1024 * 1024  # 256 channels as full as a Retention lets them be by default

_GONE = Retained(0, b"")
_LUMP = 64


class _Channel:
    """What is kept of one channel: ``events[first:]``, each with the time it came at."""

    __slots__ = ("bytes", "events", "first", "floor", "newest", "retention", "times", "touched_at")

    def __init__(self, floor: int, retention: Retention) -> None:
        self.events: list[Retained] = []
        self.times: list[float] = []
        self.first = 0
        self.bytes = 0
        self.floor = floor
        self.newest = floor
        self.retention = retention
        self.touched_at = 0.0

    def __len__(self) -> int:
        return len(self.events) - self.first

    def append(self, event: Retained, now: float) -> None:
        self.events.append(event)
        self.times.append(now)
        self.bytes += len(event.payload)
        self.newest = event.id

    def after(self, id: int, limit: int) -> list[Retained]:
        begin = bisect_right(self.events, id, lo=self.first, key=attrgetter("id"))
        return self.events[begin : begin + limit]

    def trim(self, now: float, max_bytes: int) -> None:
        """Let go of what is above the bounds."""
        bounds, events = self.retention, self.events
        max_bytes = min(bounds.bytes or max_bytes, max_bytes)
        expired = now - bounds.ttl if bounds.ttl else float("-inf")
        while len(self) > bounds.events or self.bytes > max_bytes or (self and self.times[self.first] <= expired):
            gone = events[self.first]
            events[self.first] = _GONE
            self.bytes -= len(gone.payload)
            self.floor = gone.id
            self.first += 1
        if self.first > max(_LUMP, len(events) // 2):
            del events[: self.first], self.times[: self.first]
            self.first = 0


class MemoryHistory:
    """A ``History`` whose methods are plain.

    Ids are counted over all channels together, so that a channel that was forgotten never gets one twice.

    Args:
        clock: seconds, monotonic.
        random_bytes: makes the epoch.
        max_channels: above it a channel is forgotten.
        max_bytes: of all payloads together, 1 or more; likewise.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random_bytes: RandomBytes,
        max_channels: int = MAX_CHANNELS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.bytes: int = 0
        """Of all payloads kept."""
        self.crowded_out: int = 0
        """How many channels were forgotten for want of room."""
        self._clock = clock
        self._random_bytes = random_bytes
        self._max_channels = max_channels
        self._max_bytes = max_bytes
        self._is_crowded = False
        self._crowded_out_before = 0
        self._start_over()

    def __len__(self) -> int:
        """How many channels it knows of."""
        return len(self._channels)

    def append(self, channel: str, payload: bytes, retention: Retention) -> Position:
        """Keep an event; where it stands."""
        if self._newest >= MAX_ID:
            self._start_over()
        now = self._clock()
        kept = self._channels.get(channel)
        if kept is None:
            kept = _Channel(self._forgotten, retention)
        kept.retention = retention
        self._newest += 1
        kept.append(Retained(self._newest, payload), now)
        self.bytes += len(payload)
        self._touch(channel, kept, now)
        self._make_room()
        return Position(self._newest, self._epoch)

    def since(self, channel: str, after: int, limit: int) -> Stretch:
        """The oldest ``limit`` events with an id greater than ``after``, and what the channel holds."""
        kept = self._channels.get(channel)
        if kept is None:
            # No event of it has a greater id than those of the channels that were forgotten.
            return Stretch((), Extent(self._epoch, self._forgotten, self._newest))
        self._touch(channel, kept, self._clock())
        return Stretch(kept.after(after, limit), Extent(self._epoch, kept.floor, kept.newest))

    def channels(self, pattern: ChannelName) -> list[str]:
        """The channels that hold events and that ``pattern`` covers."""
        now = self._clock()
        covered = [(name, kept) for name, kept in self._channels.items() if pattern.covers(name)]
        for _, kept in covered:
            self._trim(kept, now)
        return [name for name, kept in covered if kept]

    def sweep(self) -> None:
        """Let go of expired events, and forget channels that hold none and were not touched for their ``ttl``.

        Walks over all channels: ask for it every minute or so, not with every message.
        """
        now = self._clock()
        for name, kept in tuple(self._channels.items()):
            self._trim(kept, now)
            if not kept and kept.touched_at <= now - kept.retention.ttl:
                self._forget(name)
        if self._is_crowded and self.crowded_out == self._crowded_out_before:
            self._is_crowded = False
            log.info("the history has room again", extra={"event": "history_has_room", "bytes": self.bytes})
        self._crowded_out_before = self.crowded_out

    def _start_over(self) -> None:
        """Count from one again, in a new epoch."""
        self._epoch = self._random_bytes(5).hex()
        self._newest = 0
        self._forgotten = 0
        """No event of a channel that is not known has a greater id."""
        self._channels: dict[str, _Channel] = {}
        """The one that was not touched for the longest time comes first."""
        self.bytes = 0

    def _touch(self, name: str, kept: _Channel, now: float) -> None:
        self._channels.pop(name, None)
        self._channels[name] = kept
        kept.touched_at = now
        self._trim(kept, now)

    def _trim(self, kept: _Channel, now: float) -> None:
        before = kept.bytes
        kept.trim(now, self._max_bytes)
        self.bytes += kept.bytes - before

    def _forget(self, name: str) -> None:
        kept = self._channels.pop(name)
        self.bytes -= kept.bytes
        self._forgotten = max(self._forgotten, kept.newest)

    def _make_room(self) -> None:
        while len(self._channels) > self._max_channels or self.bytes > self._max_bytes:
            self._forget(next(iter(self._channels)))
            self.crowded_out += 1
            if not self._is_crowded:  # once, until a sweep finds that it is over
                self._is_crowded = True
                log.warning(
                    "the history is full, unused channels are forgotten: keep fewer of them, or less of each",
                    extra={"event": "history_full", "channels": len(self._channels), "bytes": self.bytes},
                )
