"""Session ids."""

from __future__ import annotations

import os

import pytest

from bayeux.protocol.client_id import ALPHABET, new_client_id


@pytest.mark.spec("SES-2", "SEC-41")
def test_a_million_ids_differ_and_are_alphanumeric() -> None:
    ids = {new_client_id(os.urandom) for _ in range(1_000_000)}
    assert len(ids) == 1_000_000
    assert all(len(each) == 27 and set(each) <= set(ALPHABET) for each in list(ids)[:1000])


@pytest.mark.spec("SES-2")
def test_an_id_keeps_all_its_random_bits() -> None:
    assert new_client_id(lambda size: b"\xff" * size) != new_client_id(lambda size: b"\x7f" + b"\xff" * (size - 1))
    assert 36**27 > 2**136
