"""Which events of a history a subscription was given, so that it is given none twice (CLI-3, ACK-31).

Owns, for each channel, the newest position and a floor: what lies at or below it has been given, or is not
wanted. Above the floor every id is remembered by itself, because two responses may overtake each other (DEL-4) and
ids have gaps (RPL-2): an id that is smaller than the newest one may still be news. Bounded in channels and in ids;
what has to be forgotten may be given again, and is never lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from bayeux.client.event import Position
from bayeux.protocol.channel import parse_channel

MAX_CHANNELS = 1000  # their positions fit into one subscribe: 60 bytes each, and our server takes 256 KiB (SEC-L7)
MAX_IDS = 10_000  # what a server replays at once (RPL-22)


@dataclass(slots=True)
class _Channel:
    newest: Position
    floor: int
    oldest: int
    """The smallest id that came."""


class Seen:
    """See the module; one for each subscription."""

    def __init__(self) -> None:
        self._channels: dict[str, _Channel] = {}
        """The one heard of longest ago first."""
        self._ids: dict[tuple[str, int], None] = {}
        """Those above the floors, in the order they came."""

    def admit(self, channel: str, position: Position) -> bool:
        """Take note of an event; False if it was given before."""
        known = self._channels.pop(channel, None)
        if known is None or known.newest.epoch not in (None, position.epoch):
            self._forget(channel)  # the ids start over
            known = _Channel(position, -1, position.id)
        self._channels[channel] = known
        if position.id <= known.floor or (channel, position.id) in self._ids:
            return False
        if position.id >= known.newest.id or known.newest.epoch is None:
            known.newest = Position(max(position.id, known.newest.id), position.epoch)
        known.oldest = min(known.oldest, position.id)
        self._ids[channel, position.id] = None
        self._shrink()
        return True

    def begin_after(self, channel: str, position: Position) -> None:
        """Want nothing up to ``position``, if no event of the channel has come yet."""
        if channel not in self._channels:
            self._channels[channel] = _Channel(position, position.id, position.id + 1)
            self._shrink()

    def settle(self, pattern: str) -> None:
        """Somebody else asks for these channels again from an earlier place: want nothing before the oldest.

        What lies behind that is known by its id, and may still be on its way here for the first time (DEL-4).
        """
        for channel in self.newest(pattern):
            known = self._channels[channel]
            known.floor = max(known.floor, known.oldest - 1)

    def forget(self, pattern: str) -> None:
        """Take whatever comes: the ids may have started over."""
        for channel in self.newest(pattern):
            self._forget(channel)

    def _forget(self, channel: str) -> None:
        self._channels.pop(channel, None)
        for key in [key for key in self._ids if key[0] == channel]:
            del self._ids[key]

    def newest(self, pattern: str) -> dict[str, Position]:
        """The newest position of each channel that a pattern matches, or of the one it names."""
        return {
            channel: known.newest
            for channel, known in self._channels.items()
            if pattern in parse_channel(channel).patterns
        }

    def _shrink(self) -> None:
        while len(self._channels) > MAX_CHANNELS:
            del self._channels[next(iter(self._channels))]
        while len(self._ids) > MAX_IDS:
            channel, id = next(iter(self._ids))
            del self._ids[channel, id]
            if channel in self._channels:
                known = self._channels[channel]
                known.floor = max(known.floor, id)
