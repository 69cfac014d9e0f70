"""When an agent is near enough for the customer to get ready."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.callback import threshold
from gateway.callback.threshold import QueueReport, Threshold, ThresholdInvalid, WhenUnknown, polling_interval
from tests.callback.story import sample

CASES = sample("ext/threshold-cases")


def judged(text: str, case: dict[str, Any]) -> tuple[bool, str]:
    verdict = Threshold.read(text).judge(QueueReport(position=case["pos"], total=50, eta=case["eta"]))
    return verdict.reached, " ".join(verdict.reason.split())


@pytest.mark.spec("TH-2", "TH-3", "TH-4", "TH-5", "TH-6")
@pytest.mark.parametrize(
    ("text", "case"),
    [(CASES["threshold"], case) for case in CASES["cases"]]
    + [(CASES["seed_threshold"], case) for case in CASES["seed_cases"]],
)
def test_threshold_is_reached_as_in_the_table(text: str, case: dict[str, Any]) -> None:
    reached, reason = judged(text, case)
    assert reached is case["passed"]
    assert reason == case.get("reason", reason)


@pytest.mark.spec("TH-6")
@pytest.mark.parametrize(
    ("eta", "position", "reason"),
    [
        (30, 2, "eta  <= 35 and position <=5 "),  # with the original's blanks
        (36, 1, "position is first in queue"),
        (36, 5, "threshold not reached: eta 36, position 5"),
    ],
)
def test_reason_says_what_was_compared(eta: int, position: int, reason: str) -> None:
    report = QueueReport(position=position, total=9, eta=eta)
    assert Threshold.read("0:5,35:0").judge(report).reason == reason


def test_estimate_below_all_steps_is_the_first_ones() -> None:
    report = QueueReport(position=3, total=9, eta=0)
    assert Threshold.read("5:3,10:0").judge(report).reason == "eta  <= 10 and position <=3 "


@pytest.mark.spec("TH-13")
@pytest.mark.parametrize(("position", "ready", "reached"), [(1, 0, False), (2, 2, True), (3, 2, False)])
def test_queue_without_estimate_may_be_judged_by_agents_who_are_ready(position: int, ready: int, reached: bool) -> None:
    report = QueueReport(position=position, total=9, eta=None, ready_agents=ready)
    verdict = threshold.DEFAULT.judge(report, WhenUnknown.POSITION)
    assert (verdict.reached, verdict.reason) == (reached, "eta n/a")


@pytest.mark.spec("TH-7")
@pytest.mark.parametrize("text", [*CASES["bad_thresholds"], "10:5,5:1", "0:²", "0:5,", "1.5:2", "0:1000000000"])
def test_threshold_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ThresholdInvalid):
        Threshold.read(text)


@pytest.mark.spec("TH-2")
def test_default_threshold_is_written_as_it_is_configured() -> None:
    assert str(threshold.DEFAULT) == CASES["threshold"]
    assert Threshold.read(" 0:10, 10:5,20:2 ,30:1,40 : 0") == threshold.DEFAULT


@pytest.mark.spec("TH-9")
@pytest.mark.parametrize(("eta", "seconds"), [(None, 30), (0, 2), (3, 2), (20, 10), (600, 30)])
def test_queue_is_looked_at_after_half_the_estimate_within_bounds(eta: int | None, seconds: float) -> None:
    assert polling_interval(eta, 2, 30) == seconds


def test_queue_is_never_looked_at_without_a_pause() -> None:
    assert polling_interval(0, 0, 0) == 1
