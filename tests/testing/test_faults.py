"""Schedules of faults: drawn from a seed, as often as their rates say."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from bayeux.testing import Fault, Planned, Rates, Way, schedule


def planned(seed: int, rates: Rates, count: int = 1000) -> list[Planned]:
    return list(islice(schedule(random.Random(seed), rates), count))


def test_the_same_seed_and_rates_give_the_same_faults() -> None:
    rates = Rates(cut=1, delay=2, swallow=3)
    assert planned(7, rates) == planned(7, rates)
    assert planned(7, rates) != planned(8, rates)


def test_faults_come_as_often_as_their_rates_say() -> None:
    plan = planned(7, Rates(cut=1, delay=3, dribble=4), 4000)
    often = Counter(each.fault for each in plan)
    assert set(often) == {Fault.CUT, Fault.DELAY, Fault.DRIBBLE}
    assert often[Fault.DELAY] == pytest.approx(1500, rel=0.1)
    assert sum(each.after for each in plan) == pytest.approx(500, rel=0.1), "eight a second"


def test_nothing_is_worse_than_agreed() -> None:
    plan = planned(7, Rates(delay=1, longest=0.5, max_latency=0.1, max_bytes=3))
    assert max(each.lasting for each in plan) <= 0.5
    assert max(each.latency for each in plan) <= 0.1
    assert {each.bytes for each in plan} == {1, 2, 3}


def test_faults_may_keep_to_one_direction() -> None:
    assert {each.way for each in planned(7, Rates(swallow=1))} == set(Way)
    assert {each.way for each in planned(7, Rates(swallow=1, ways=(Way.TO_CLIENT,)))} == {Way.TO_CLIENT}


def test_without_rates_nothing_happens() -> None:
    assert planned(7, Rates()) == []


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_rate(fault: Fault) -> None:
    assert Rates(**{fault.name.lower(): 2.0}).of(fault) == 2.0  # type: ignore[arg-type]


def test_what_is_negative_or_goes_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="swallow may not be negative"):
        Rates(swallow=-1)
    with pytest.raises(ValueError, match="ways"):
        Rates(swallow=1, ways=())
