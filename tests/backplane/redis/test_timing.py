"""Pauses between attempts to connect."""

from __future__ import annotations

import random

import pytest

from bayeux.backplane.redis.timing import Timing


@pytest.mark.spec("OPS-72")
def test_pauses_grow_at_random_within_bounds() -> None:
    """0.1 to 5 s, and no more than a quarter of the time that the server has been away."""
    timing, chance = Timing(), random.Random(1)
    pause = away = 0.0
    seen = []
    while away < 120:
        pause = timing.pause(pause, away, chance)
        assert 0.1 <= pause <= min(5.0, max(0.1, away / 4))
        away += pause
        seen.append(pause)
    assert max(seen) > 3 and len(set(seen)) > len(seen) // 2


def test_pauses_of_two_nodes_differ() -> None:
    """So they do not come at the same moment."""
    assert Timing().pause(1.0, 60.0, random.Random(1)) != Timing().pause(1.0, 60.0, random.Random(2))


@pytest.mark.parametrize("name", ["connect", "reply", "patience", "probe", "missed_probes", "look"])
def test_times_are_above_zero(name: str) -> None:
    """A bound of none would be no bound."""
    with pytest.raises(ValueError, match=name):
        Timing(**{name: 0})
