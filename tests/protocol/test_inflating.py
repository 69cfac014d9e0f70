"""Inflating within a room: all that fits, nothing beyond it, and no more work than the data is worth."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.inflating import GZIP, MAX_STREAMS, RAW, Inflater, NoRoom, NotInflatable


def deflated(data: bytes) -> bytes:
    """One stream of bare deflate, with an end."""
    stream = zlib.compressobj(wbits=RAW)
    return stream.compress(data) + stream.flush()


@pytest.mark.spec("ENC-3")
@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_gzip_is_inflated_in_whatever_pieces_it_comes(data: bytes, cuts: list[int]) -> None:
    packed = gzip.compress(data)
    at = sorted(min(cut, len(packed)) for cut in cuts)
    pieces = [packed[start:end] for start, end in zip([0, *at], [*at, len(packed)], strict=True)]
    inflater, room, inflated = Inflater(GZIP), len(data), b""
    for piece in pieces:
        inflated += inflater.inflate(piece, room - len(inflated))
    assert (inflated, inflater.has_ended) == (data, True)


@pytest.mark.spec("SEC-L7", "SEC-1")
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_room_is_exact(beyond: int) -> None:
    packed = deflated(b"x" * (1000 + beyond))
    if beyond > 0:
        with pytest.raises(NoRoom):
            Inflater(RAW).inflate(packed, 1000)
    else:
        assert len(Inflater(RAW).inflate(packed, 1000)) == 1000 + beyond


def test_there_may_be_no_room_at_all_or_any() -> None:
    assert Inflater(RAW).inflate(deflated(b""), 0) == b""
    with pytest.raises(NoRoom):
        Inflater(RAW).inflate(deflated(b"x"), 0)
    assert Inflater(RAW).inflate(deflated(b"x"), sys.maxsize) == b"x"


@pytest.mark.spec("SEC-L7", "ENC-3", "WS-19")
def test_of_a_bomb_no_more_is_made_than_there_is_room_for() -> None:
    bomb = gzip.compress(bytes(50_000_000), 9)
    assert len(bomb) < 50_000
    tracemalloc.start()
    try:
        with pytest.raises(NoRoom):
            Inflater(GZIP).inflate(bomb, 100_000)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [MAX_STREAMS, MAX_STREAMS + 1])
def test_streams_may_stand_behind_one_another_but_not_many(count: int) -> None:
    packed = b"".join(deflated(b"%d," % n) for n in range(count))
    if count > MAX_STREAMS:
        with pytest.raises(NotInflatable):
            Inflater(RAW).inflate(packed, 1000)
    else:
        assert Inflater(RAW).inflate(packed, 1000) == b"".join(b"%d," % n for n in range(count))


@pytest.mark.parametrize(
    ("form", "data"),
    [
        pytest.param(GZIP, b"no gzip at all", id="no gzip"),
        pytest.param(GZIP, gzip.compress(b"x")[:-1] + b"\x01", id="wrong length"),
        pytest.param(GZIP, gzip.compress(b"x") + b"rest", id="something behind it"),
        pytest.param(RAW, b"\x07", id="no such block"),
        pytest.param(RAW, bytes.fromhex("f200110000"), id="refers to what was never there"),
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(form: int, data: bytes) -> None:
    with pytest.raises(NotInflatable):
        Inflater(form).inflate(data, 1000)


def test_an_end_that_did_not_come_shows() -> None:
    inflater = Inflater(GZIP)
    assert inflater.inflate(gzip.compress(b"hello")[:-3], 1000) == b"hello"
    assert not inflater.has_ended
