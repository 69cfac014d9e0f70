"""Pauses between attempts grow, by chance, within their bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.bus.pauses import LEAST, MOST, Pauses


@pytest.mark.spec("MRE-137")
@given(st.integers())
def test_they_stay_within_bounds_and_come_to_be_long(seed: int) -> None:
    pauses = Pauses(random.Random(seed))
    drawn = [pauses.next() for _ in range(200)]
    assert all(LEAST <= pause <= MOST for pause in drawn)
    assert max(drawn) > MOST / 2
    assert len(set(drawn)) > 10, "nodes that lost a broker together do not come back together"


def test_after_a_success_they_are_short_again() -> None:
    pauses = Pauses(random.Random(1))
    assert pauses.are_over
    for _ in range(50):
        pauses.next()
    assert not pauses.are_over
    pauses.end()
    assert pauses.are_over
    assert pauses.next() <= 3 * LEAST
