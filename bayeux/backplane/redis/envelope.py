"""What nodes send each other through Redis, as bytes and back: MessagePack, with a version in front.

What comes from Redis is not trusted: it has the form that this version writes, or ``Malformed`` is raised (SEC-80).

Source: OPS-64, SEC-80.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgpack

from bayeux.backplane.backplane import Arrived
from bayeux.protocol.replay import MAX_ID, Position

VERSION: Final = 1

Stamp = tuple[str, int]
"""Who published something, and as its how-manieth: no two events have the same."""


class Malformed(ValueError):
    """Not what this version writes."""


class Kind(IntEnum):
    """What is said of an event besides the event."""

    PASSING = 0
    """Given to all who listen, and retained by nobody."""
    RETAINED = 1
    """Both."""
    SILENT = 2
    """Retained and given to nobody; it has a place all the same."""


class Published(NamedTuple):
    """An event as it stands in a partition."""

    place: int
    event: Arrived
    kind: int
    stamp: Stamp


class Word(IntEnum):
    """What a message to a node is."""

    MESSAGE = 0
    """The server's own."""
    HELLO = 1
    """I am here; answer, so that I know that we hear each other."""
    WELCOME = 2
    """I heard your hello."""
    GOOD_BYE = 3


class Addressed(NamedTuple):
    """A message in a node's lane."""

    sender: str
    counter: int
    word: int
    body: bytes


def pack_body(kind: Kind, stamp: Stamp, header: bytes, payload: bytes) -> bytes:
    """The publisher's part of an event: five values without a frame; version, place and epoch come before it."""
    packed: bytes = msgpack.packb((kind, *stamp, header, payload))
    return packed[1:]


def unpack_event(packed: bytes, partition: int) -> Published:
    """An event as the script wrote it. Raises Malformed."""
    match _unpacked(packed):
        case [1, int(place), str(epoch), 0 | 1 | 2 as kind, str(node), int(counter), bytes(header), bytes(payload)]:
            if not 0 < place <= MAX_ID:
                raise Malformed("the place of an event is out of bounds")
            position = Position(place, epoch) if kind else None
            return Published(place, Arrived(partition, place, header, payload, position), kind, (node, counter))
        case _:
            raise Malformed("not an event of this version")


def pack_addressed(sender: str, counter: int, word: Word, body: bytes) -> bytes:
    """A message for a node's lane."""
    packed: bytes = msgpack.packb((VERSION, sender, counter, word, body))
    return packed


def unpack_addressed(packed: bytes) -> Addressed:
    """Raises Malformed."""
    match _unpacked(packed):
        case [1, str(sender), int(counter), 0 | 1 | 2 | 3 as word, bytes(body)]:
            return Addressed(sender, counter, word, body)
        case _:
            raise Malformed("not a message of this version")


def pack_names(name: str, url: str) -> bytes:
    """What a node says of itself in its hello."""
    packed: bytes = msgpack.packb((name, url))
    return packed


def unpack_names(packed: bytes) -> tuple[str, str]:
    """Raises Malformed."""
    match _unpacked(packed):
        case [str(name), str(url)]:
            return name, url
        case _:
            raise Malformed("not a hello of this version")


def _unpacked(packed: bytes) -> Any:
    try:
        return msgpack.unpackb(packed)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Malformed(str(error)) from error
