"""Bodies by gzip, of which many clients get the same beginning."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayeux.protocol.encoded import Batch, EncodedMessage
from bayeux.protocol.gzipped import MOST_OF_ONES_OWN, gzipped, share

REPLY = b'{"channel":"/meta/connect","id":"%d","successful":true}'


def batch_of(*data: bytes) -> Batch:
    return Batch([EncodedMessage("/a", b'{"channel":"/a","data":"%b"}' % each) for each in data])


@given(st.binary(max_size=100_000), st.binary(max_size=MOST_OF_ONES_OWN))
@settings(deadline=None)
def test_shared_beginning_and_ones_own_end_are_one_body(text: bytes, own: bytes) -> None:
    """Every decoder checks length and checksum of the whole."""
    shared = share(text)
    assert gzip.decompress(shared.followed_by(own)) == text + own
    assert gzip.decompress(shared.followed_by(b"")) == text
    assert gzip.decompress(gzipped(text)) == text


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 32 * 1024, 70_000, 1024 * 1024])
def test_body_of_every_size_is_as_small_as_that_of_gzip(size: int) -> None:
    text = (b'{"channel":"/news","data":{"n":12345}},' * (size // 39 + 1))[:size]
    assert gzip.decompress(gzipped(text)) == text
    assert len(gzipped(text)) <= len(gzip.compress(text, 5)) * 1.02 + 10


@pytest.mark.spec("ENC-2", "DEL-8")
def test_events_for_many_are_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[int] = []

    def counted(text: bytes) -> object:
        compressed.append(len(text))
        return share(text)

    monkeypatch.setattr("bayeux.protocol.encoded.share", counted)
    batch = batch_of(b"x" * 1000, b"y" * 1000)
    bodies = [batch.gzipped_body([REPLY % number]) for number in range(100)]
    assert len(compressed) == 1
    assert [gzip.decompress(each) for each in bodies] == [batch.body([REPLY % number]) for number in range(100)]
    assert max(map(len, bodies)) < 300


@pytest.mark.spec("ENC-2")
@pytest.mark.parametrize("replies", [[], [b"{}"], [b'"%b"' % (b"z" * 2 * MOST_OF_ONES_OWN)], [b"{}"] * 1000])
def test_body_by_gzip_says_the_same_as_the_body(replies: list[bytes]) -> None:
    for batch in (batch_of(), batch_of(b"x"), batch_of(b"x" * 5000, b"y")):
        assert gzip.decompress(batch.gzipped_body(replies)) == batch.body(replies)


@pytest.mark.spec("SEC-93")
def test_length_of_a_reply_behind_events_does_not_tell_what_is_in_it() -> None:
    """A secret in the reply beside text of a stranger's choice in the events: the lengths of good and bad guesses."""
    guesses = [
        batch_of(b"secret=%b " % guess * 50).gzipped_body([b'{"ext":"secret=swordfish"}'])
        for guess in (b"swordfish", b"xwqrdfysh")
    ]
    shared = [share(b"[" + batch_of(b"secret=%b " % guess * 50).json).begin for guess in (b"swordfish", b"xwqrdfysh")]
    assert len(guesses[0]) - len(shared[0]) == len(guesses[1]) - len(shared[1])
