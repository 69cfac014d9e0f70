"""Compressed bodies never become larger than a bound, and clients are compressed for only if they ask."""

from __future__ import annotations

import gzip
import zlib

import pytest

from gateway.customers.http.compression import packed, takes_gzip, unpacked
from gateway.customers.refusal import MediaTypeWrong, RequestWrong, TooLarge


@pytest.mark.spec("G-27")
def test_both_encodings_are_undone() -> None:
    assert unpacked(gzip.compress(b"a" * 9000), "gzip", 9000) == b"a" * 9000
    assert unpacked(zlib.compress(b"a" * 9000), " Deflate ", 9000) == b"a" * 9000


@pytest.mark.spec("G-27", "G-9")
def test_the_bound_counts_after_unpacking() -> None:
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b"a" * 9001), "gzip", 9000)


@pytest.mark.spec("G-8", "G-27")
@pytest.mark.parametrize(
    "body",
    [b"plain", gzip.compress(b"a" * 99)[:-9], gzip.compress(b"a") + b"more", gzip.compress(b"a") * 2],
    ids=["plain", "cut", "followed", "twice"],  # the bytes themselves name the second they were made in
)
def test_a_damaged_body(body: bytes) -> None:
    with pytest.raises(RequestWrong):
        unpacked(body, "gzip", 9000)


@pytest.mark.spec("G-27")
@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "identity"])
def test_another_encoding(encoding: str) -> None:
    with pytest.raises(MediaTypeWrong):
        unpacked(b"", encoding, 9000)


@pytest.mark.spec("G-27")
def test_an_answer_is_packed_so_that_it_can_be_unpacked() -> None:
    assert gzip.decompress(packed(b"a" * 9000)) == b"a" * 9000


@pytest.mark.spec("G-27")
@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("", False),
        ("gzip,deflate,sdch", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0, deflate", False),
        ("*", False),
        ("xgzip", False),
    ],
)
def test_who_takes_gzip(accept: str, takes: bool) -> None:
    assert takes_gzip(accept) is takes
