"""What the server asks of whatever keeps the events of its channels.

Promises of order, atomicity and positions stand here and are held by ``tests/contracts``. Methods may be plain or
return an awaitable: kept in memory, an append is a call on the publisher's stack; kept elsewhere, it is waited for
as a hook would be (``server.steps``).

Source: RPL-1…3, RPL-12, RPL-16, RPL-22.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.replay import Extent, Position

__all__ = ["Extent", "History", "Position", "Retained", "Retention", "Stretch", "Swept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much of a channel is kept; what is above any of the bounds goes, oldest first (RPL-1).

    Args:
        events: at most so many, 1 or more.
        ttl: seconds an event is kept; 0 = until others push it out.
        bytes: of payload, together; 0 = unlimited.

    Raises ValueError.
    """

    events: int
    ttl: float = 3600.0
    bytes: int = 1024 * 1024

    def __post_init__(self) -> None:
        if self.events < 1:
            raise ValueError("events: keep 1 or more; a channel that shall have no history gets no Retention")
        if self.ttl < 0 or self.bytes < 0:
            raise ValueError("ttl and bytes may not be negative; 0 = no such bound")


@dataclass(frozen=True, slots=True)
class Retained:
    """One event that is kept: its id, and the bytes it was appended with."""

    id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events one after the other, oldest first, and what the channel holds, both at the same instant."""

    events: Sequence[Retained]
    extent: Extent


@runtime_checkable
class Swept(Protocol):
    """A history that has to be tidied up from time to time."""

    def sweep(self) -> None:
        """Let go of what is too old; asked for every minute or so."""


class History(Protocol):
    """Keeps the latest events of channels, so that they can be read again.

    Order: the events of a channel stand in the order in which their appends began; each id is greater than all before
    it on that channel, and at most ``replay.MAX_ID``. Ids need not follow each other. An id is never given out twice
    in an epoch: not after its event has gone, not after the channel was forgotten.

    Atomicity: an append happens wholly, and is seen by every read that begins after it is done, or not at all. A
    read shows one instant. Whoever begins to listen to a channel and *then* reads it sees every event by one of the
    two ways; what comes both ways is told by its id.

    Honesty: ``Extent.floor`` never hides a loss. It may be greater than need be where a channel was forgotten.

    Errors: a store that cannot be reached raises ``errors.Unavailable``; whether an append happened is then unknown,
    and its id, if it got one, is not given to another event. Cancelling an awaited append leaves the same doubt.
    """

    def append(self, channel: str, payload: bytes, retention: Retention) -> Position | Awaitable[Position]:
        """Keep an event; where it stands.

        One that is itself above ``retention.bytes`` gets its position and is gone at once, and all before it.

        Args:
            channel: the text of a broadcast channel's name, no pattern.
            retention: goes for the whole channel from here on.
        """

    def since(self, channel: str, after: int, limit: int) -> Stretch | Awaitable[Stretch]:
        """The oldest ``limit`` events, at most, with an id greater than ``after``; 0 = from the oldest on.

        Go on with the id of the last one (RPL-22). A ``limit`` of 0 asks for the extent alone. Of a channel without
        history the extent says that nothing can be told of ids up to its floor.
        """

    def channels(self, pattern: ChannelName) -> Sequence[str] | Awaitable[Sequence[str]]:
        """The channels that hold events and that ``pattern`` covers, in no order (RPL-17)."""
