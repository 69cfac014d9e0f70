"""What nodes write is read back; anything else is refused, whatever it is."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.backplane.backplane import Arrived
from bayeux.backplane.redis.envelope import (
    Addressed,
    Kind,
    Malformed,
    Published,
    Word,
    pack_addressed,
    pack_body,
    pack_names,
    unpack_addressed,
    unpack_event,
    unpack_names,
)
from bayeux.protocol.replay import MAX_ID, Position

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda values: st.lists(values, max_size=9) | st.dictionaries(st.text(), values),
)


def as_the_script_does(place: int, epoch: str, body: bytes) -> bytes:
    return b"\x98" + msgpack.packb(1) + msgpack.packb(place) + msgpack.packb(epoch) + body


@pytest.mark.spec("OPS-64")
@given(st.sampled_from(Kind), st.integers(1, MAX_ID), st.integers(0), st.binary(), st.binary())
def test_an_event_is_read_as_it_was_packed(kind: Kind, place: int, count: int, header: bytes, payload: bytes) -> None:
    stamp = ("a1b2c3d4", count % 2**63)
    packed = as_the_script_does(place, "ep0c", pack_body(kind, stamp, header, payload))
    position = Position(place, "ep0c") if kind else None
    assert unpack_event(packed, 7) == Published(place, Arrived(7, place, header, payload, position), kind, stamp)


@pytest.mark.spec("OPS-64")
def test_a_message_and_a_hello_are_read_as_they_were_packed() -> None:
    packed = pack_addressed("a1b2c3d4", 3, Word.HELLO, pack_names("höst", "http://h:1"))
    message = unpack_addressed(packed)
    assert message == Addressed("a1b2c3d4", 3, Word.HELLO, pack_names("höst", "http://h:1"))
    assert unpack_names(message.body) == ("höst", "http://h:1")


@pytest.mark.spec("SEC-80")
@given(st.binary() | ANY.map(msgpack.packb))
def test_anything_else_is_refused(packed: bytes) -> None:
    for unpack in (lambda: unpack_event(packed, 0), lambda: unpack_addressed(packed), lambda: unpack_names(packed)):
        try:
            read = unpack()
        except Malformed:
            continue
        assert isinstance(read, (Published, Addressed, tuple))


@pytest.mark.spec("SEC-80")
@pytest.mark.parametrize("place", [0, -1, MAX_ID + 1])
def test_a_place_that_cannot_be_is_refused(place: int) -> None:
    with pytest.raises(Malformed):
        unpack_event(as_the_script_does(place, "e", pack_body(Kind.PASSING, ("n", 1), b"", b"")), 0)


@pytest.mark.spec("OPS-64")
def test_another_version_is_refused() -> None:
    packed = as_the_script_does(1, "e", pack_body(Kind.PASSING, ("n", 1), b"", b""))
    with pytest.raises(Malformed):
        unpack_event(packed[:1] + msgpack.packb(2) + packed[2:], 0)
