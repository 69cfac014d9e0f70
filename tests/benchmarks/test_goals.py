"""Ratios, and what they make of a goal."""

from __future__ import annotations

import pytest

from benchmarks.catalogue import CATALOGUE, COST, FIGURES, SET_UPS
from benchmarks.goals import GOALS, GROWTH_FAMILIES, Goal, Mark, ratio
from benchmarks.peers import PEERS


@pytest.mark.parametrize(
    ("times", "mark"),
    [(3.9, Mark.MISSED), (4.0, Mark.MUST), (7.9, Mark.MUST), (8.0, Mark.AIM), (None, Mark.UNKNOWN)],
)
def test_goal_is_judged(times: float | None, mark: Mark) -> None:
    """Both bounds belong to what reaches them; what was not measured is neither reached nor missed."""
    assert Goal(must=4, aim=8).mark(times) is mark


def test_ratio_says_how_many_times_better_ours_is() -> None:
    """Of costs the lower one is better, of set-ups the higher one."""
    assert ratio(2.0, 10.0, COST) == 5
    assert ratio(10.0, 2.0, SET_UPS) == 5


@pytest.mark.parametrize(("ours", "theirs"), [(None, 1.0), (1.0, None), (0.0, 1.0), (1.0, 0.0)])
def test_no_ratio_without_both(ours: float | None, theirs: float | None) -> None:
    """A peer that was left out, a run that failed."""
    assert ratio(ours, theirs, COST) is None


def test_goals_are_about_what_is_measured() -> None:
    """A goal under a wrong name would never be missed."""
    assert GOALS.keys() <= {each.name for each in CATALOGUE}
    assert set(GROWTH_FAMILIES) <= {each.family for each in CATALOGUE}
    assert {name for goals in GOALS.values() for name in goals} <= {peer.name for peer in PEERS}


def test_every_benchmark_has_a_name_and_a_figure_of_the_page() -> None:
    """What has no figure there would be measured for nothing."""
    names = [each.name for each in CATALOGUE]
    assert len(names) == len(set(names))
    assert {each.figure for each in CATALOGUE} == set(FIGURES)
