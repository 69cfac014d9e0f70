"""What nodes write for each other: versioned, compact, and looked at before it is believed.

Owns the form of all of it: the header of an event, the messages of a lane, the record of a session, the checkpoint of a
node. Whatever is read here was written by somebody else: what does not fit raises ``Unreadable``, nothing else.

Source: SEC-80, OPS-64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgpack

from bayeux.backplane.backplane import Places

VERSION = 1

Value = TypeVar("Value")


class Unreadable(Exception):
    """Written in a form that is not ours, or not of this version."""


def pack(*values: Any) -> bytes:
    """These values behind the version of their form. Raises TypeError, ValueError for what cannot be written."""
    return cast("bytes", msgpack.packb((VERSION, *values), use_bin_type=True))


def unpack(packed: bytes, types: Sequence[Any]) -> list[Any]:
    """The values, each of its type. Raises Unreadable."""
    try:
        values = msgpack.unpackb(packed, raw=False, strict_map_key=False)  # which bounds everything by its length
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ours
        raise Unreadable(f"not in our form: {error}") from None
    if not isinstance(values, list) or not values or values[0] != VERSION:
        raise Unreadable(f"not of version {VERSION} of our form: is a node of another release in the cluster?")
    del values[0]
    if not fit(values, types):
        raise Unreadable("a value is missing, or of another type")
    return values


def fit(values: Sequence[Any], types: Sequence[Any]) -> bool:
    """Whether there is a value of each of these types, in their order."""
    return len(values) >= len(types) and all(map(isinstance, values, types))


def read_carried(values: Sequence[Any], at: int) -> Mapping[str, Any]:
    """What a session carries, behind all else; a node of an earlier release has not written it. Raises Unreadable."""
    return string_map(values[at]) if len(values) > at else {}


class Header(NamedTuple):
    """What the publisher's node says about an event."""

    channel: str
    user: str | None = None
    """Whose sessions alone get it (SEC-44); None = everybody's who subscribed."""
    sender: str | None = None
    """The clientId of who published it."""
    is_echoed: bool = True
    """Its publisher gets it, too (PUB-11)."""
    is_lazy: bool = False

    def packed(self) -> bytes:
        """In the form that ``read`` takes."""
        return pack(*self)

    @classmethod
    def read(cls, packed: bytes) -> Header:
        """Raises Unreadable."""
        return cls(*unpack(packed, _HEADER)[: len(_HEADER)])


_HEADER = (str, (str, type(None)), (str, type(None)), bool, bool)


def packed_places(places: Places) -> list[int]:
    """Places as a flat list."""
    return [number for pair in places.items() for number in pair]


def read_places(packed: Any) -> Places:
    """Raises Unreadable."""
    if not isinstance(packed, list) or len(packed) % 2 or not all(type(each) is int for each in packed):
        raise Unreadable("no places")
    return dict(zip(packed[::2], packed[1::2], strict=True))


def strings(values: Any) -> list[str]:
    """A list of strings. Raises Unreadable."""
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise Unreadable("no list of strings")
    return list(values)


def string_map(values: Any) -> Mapping[str, Any]:
    """A mapping by strings. Raises Unreadable."""
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values):
        raise Unreadable("no mapping by strings")
    return values
