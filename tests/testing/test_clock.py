"""A clock that moves only when told."""

from __future__ import annotations

import pytest

from bayeux.testing import ManualClock


def test_it_stands_still_until_told() -> None:
    clock = ManualClock(5.0)
    assert (clock(), clock()) == (5.0, 5.0)
    assert clock.advance(2.5) == clock() == clock.now == 7.5


def test_it_is_monotonic() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        ManualClock().advance(-1)
