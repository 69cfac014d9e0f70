"""How a room lies in Redis: its keys, and the members of its sorted sets.

A room has the same few keys however much is in it. They carry one hash tag, and a script is given all that it may
touch: it finds them together on one server of a Cluster, or waits while their slot moves. In the members of an index or
a lane its name stands hashed, hence at its full length: none can reach into another's (SEC-82).

Source: OPS-64, OPS-77, SEC-82.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from bayeux.backplane.redis.keys import Keys, hashed

VERSION: Final = 1
"""Of keys and of what stands in them."""

_AFTER: Final = b"\xff"
"""Sorts after all that UTF-8 can say."""
_DIGITS: Final = 16
_HEAD: Final = 32 + _DIGITS
"""Of a member: what was hashed, and a number. The key or id follows."""
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


class RoomKeys:
    """The names of one room.

    Args:
        prefix: keeps an installation apart from others in the same Redis.
        room: checked.

    Raises ValueError for a prefix that cannot be one.
    """

    def __init__(self, prefix: str, room: str) -> None:
        self._prefix = Keys(prefix).prefix
        self._room = room
        self.documents: Sequence[str] = [self._key(kind) for kind in ("documents", "places", "expiring", "highest")]
        """Those that tell of documents."""
        self.leases: str = self._key("leases")
        self.deadlines: str = self._key("deadlines")
        self.outgoing: str = self._key("outgoing")
        self.lanes: str = self._key("lanes")
        self.number: str = self._key("number")

    def taken(self, id: str) -> str:
        """There while something is known to be taken."""
        return self._key(f"taken:{hashed(id)}")

    def mark(self, mark: str) -> str:
        """There while a commit might be sent again that takes nothing."""
        return self._key(f"mark:{mark}")

    def _key(self, kind: str) -> str:
        return f"{self._prefix}:{VERSION}:store:{{{self._prefix}:{self._room}}}:{kind}"


def place_of(index: str, place: float, key: str) -> bytes:
    """A member that sorts by index, place and key."""
    return f"{hashed(index)}{_sortable(place)}{key}".encode()


def read_place(member: bytes) -> tuple[str, float]:
    """Key and place of such a member."""
    bits = int(member[_HEAD - _DIGITS : _HEAD], 16)
    (place,) = struct.unpack(">d", struct.pack(">Q", bits ^ (_SIGN if bits & _SIGN else _ALL)))
    return member[_HEAD:].decode(), place


def between(index: str, least: float | None, most: float | None) -> tuple[bytes, bytes]:
    """Bounds of the members of an index, or of a lane, for Redis."""
    name = hashed(index)
    first = name if least is None else name + _sortable(least)
    last = name if most is None else name + _sortable(most)
    return b"[" + first.encode(), b"(" + last.encode() + _AFTER


def beginning_of(lane: str) -> str:
    """With what the members of a lane begin; the store goes on with their numbers and ids."""
    return hashed(lane)


def id_of(member: bytes) -> str:
    """What stands there in a lane."""
    return member[_HEAD:].decode()


def _sortable(number: float) -> str:
    """Digits that sort as the number does: its bits, so turned that negative ones come first."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))  # there is no -0.0
    return f"{bits ^ (_ALL if bits & _SIGN else _SIGN):016x}"
