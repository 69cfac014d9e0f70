"""Session ids."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from bayeux.protocol.client_id import ALPHABET, new_client_id


@pytest.mark.spec("SES-2", "SEC-41")
def test_a_million_ids_differ_and_are_alphanumeric() -> None:
    ids = {new_client_id(os.urandom) for _ in range(1_000_000)}
    assert len(ids) == 1_000_000
    assert all(len(each) == 27 and set(each) <= set(ALPHABET) for each in list(ids)[:1000])


@pytest.mark.spec("SES-2")
def test_an_id_keeps_all_its_random_bits() -> None:
    rest = bytes(range(100))
    firsts = {new_client_id(lambda size, first=first: bytes([first]) + rest[: size - 1])[0] for first in range(36)}
    assert firsts == set(ALPHABET)
    assert 36**27 > 2**136


@pytest.mark.spec("SES-2")
def test_every_character_of_an_id_is_as_likely_as_any_other() -> None:
    """256 bytes do not divide by 36: those that would favour some characters stand for none."""
    drawn = Counter(new_client_id(lambda size, byte=byte: bytes([byte]) + bytes(size))[0] for byte in range(252))
    assert drawn == dict.fromkeys(ALPHABET, 7)
    left_out = {
        new_client_id(lambda size, byte=byte: bytes([byte]) * 8 + b"\x05" * (size - 8)) for byte in range(252, 256)
    }
    assert left_out == {"5" * 27}
