"""Who does not answer is left alone."""

from __future__ import annotations

import pytest

from gateway.outgoing.breaker import FAILURES, PAUSE, Breaker


def broken(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(at)
    return breaker


@pytest.mark.spec("SEC-70")
def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed(0)
    breaker.worked()
    for _ in range(FAILURES - 1):
        breaker.failed(0)
    assert breaker.admit(0)
    breaker.failed(0)
    assert not breaker.admit(0)


def test_after_a_pause_one_call_may_try() -> None:
    breaker = broken()
    assert [breaker.admit(PAUSE - 0.1), breaker.admit(PAUSE), breaker.admit(PAUSE)] == [False, True, False]


def test_one_that_tried_and_never_said_how_it_went_is_followed_by_another() -> None:
    breaker = broken()
    assert breaker.admit(PAUSE)
    assert breaker.admit(PAUSE * 2)


def test_an_answer_closes_it() -> None:
    breaker = broken()
    assert breaker.admit(PAUSE)
    breaker.worked()
    assert breaker.admit(PAUSE)
    assert not breaker.is_open
